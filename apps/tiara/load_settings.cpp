// The settings of a state from all their layers, and their reference.
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "broker/state_directory.hpp"
#include "tiara/state_settings.hpp"
#include "tiara/tie_server_settings.hpp"

namespace tiara::app {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::size_t kMaxSettingsBytes = 1024 * 1024;

dxl::Result<broker::SetValues> read_layer(const std::filesystem::path& file,
                                          const std::vector<broker::Setting>& rows) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return broker::SetValues{};
  const auto text = broker::read_file(file, kMaxSettingsBytes);
  if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
  return broker::read_settings_text(*text, file.string(), rows);
}

}  // namespace

SettingSources environment_sources() {
  SettingSources sources;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    sources.environment.emplace_back(*entry);
  return sources;
}

dxl::Result<void> add_settings(const std::vector<std::string>& set, SettingSources& sources) {
  for (const std::string& each : set) {
    const std::size_t end = each.find('=');
    if (end == std::string::npos)
      return dxl::fail(ErrorCode::kConfiguration,
                       fmt::format("--set {}: expected KEY=VALUE", each));
    sources.arguments.push_back({each.substr(0, end), each.substr(end + 1), "--set"});
  }
  return {};
}

dxl::Result<broker::SetValues> load_settings(const std::filesystem::path& file,
                                             const SettingSources& sources,
                                             const std::vector<broker::Setting>& rows) {
  std::vector<broker::SetValues> layers;
  std::string problems;
  for (auto layer :
       {read_layer(file, rows), broker::read_settings_environment(sources.environment, rows),
        broker::read_settings_arguments(sources.arguments, rows)}) {
    if (layer)
      layers.push_back(*std::move(layer));
    else
      problems += (problems.empty() ? "" : "\n") + layer.error().message;
  }
  auto applied = broker::apply_settings(layers, rows);
  if (!applied) problems += (problems.empty() ? "" : "\n") + applied.error().message;
  if (!problems.empty()) return dxl::fail(ErrorCode::kConfiguration, problems);
  return applied;
}

dxl::Result<LoadedSettings> load_state_settings(const std::filesystem::path& file,
                                                const SettingSources& sources) {
  LoadedSettings loaded;
  auto values = load_settings(file, sources, setting_rows(loaded.settings));
  if (!values) return dxl::fail(std::move(values).error());
  loaded.values = *std::move(values);
  return loaded;
}

SettingChanges take_changes(broker::SetValues& running, const broker::SetValues& loaded) {
  StateSettings unused;
  return take_changes(running, loaded, setting_rows(unused));
}

SettingChanges take_changes(broker::SetValues& running, const broker::SetValues& loaded,
                            const std::vector<broker::Setting>& rows) {
  SettingChanges changes;
  for (const broker::Setting& row : rows) {
    const auto now = running.find(row.name);
    const auto then = loaded.find(row.name);
    if (now == running.end() || then == loaded.end() || now->second.value == then->second.value)
      continue;
    (row.reloads ? changes.applied : changes.restart).emplace_back(row.name);
    if (row.reloads) now->second = then->second;
  }
  return changes;
}

void log_changes(const SettingChanges& changes, const broker::SetValues& running) {
  for (const std::string& name : changes.applied)
    base::log_event(
        LogLevel::kInfo, "up", "setting.changed", "", {{"setting", name}},
        fmt::format("{} is {} now", name, broker::to_toml(running.find(name)->second.value)));
  for (const std::string& name : changes.restart)
    base::log_event(LogLevel::kWarning, "up", "reload.needs_restart", "", {{"setting", name}},
                    fmt::format("{} has changed; the next start applies it", name));
}

void log_refused_reload(const dxl::Error& error) {
  for (std::string_view rest = error.message; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    base::log_event(LogLevel::kError, "up", "reload.failed", "", {},
                    fmt::format("not reloaded, what was in force stays: {}", rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::string json_array(const std::vector<std::string>& texts) {
  std::string json;
  for (const std::string& text : texts) json += (json.empty() ? "" : ",") + base::json_text(text);
  return "[" + json + "]";
}

std::string configuration_reference() {
  StateSettings defaults;
  return "# Configuration\n\n"
         "`STATE/tiara.toml` holds the settings of `tiara up`. Where the same key is set more than "
         "once, an argument\n"
         "wins over the environment, the environment over the file, the file over the default. "
         "Every key has a variable;\n"
         "`tiara up --set KEY=VALUE` is the argument for any of them. In the environment and "
         "behind "
         "`--set` strings stand\n"
         "without quotes. None of these values is a secret; keys and certificates are files.\n\n"
         "    tiara config show --state STATE --origin     what holds, and who set it\n"
         "    tiara config check --state STATE             what is wrong, with file and line\n"
         "    tiara config reference                       this page\n\n"
         "\"Applied by\": a reload (SIGHUP, or `reload` on the control socket) applies these keys "
         "to what runs; the others\n"
         "need a start, and a reload names them.\n" +
         broker::settings_reference(setting_rows(defaults)) + tie_server_reference();
}

}  // namespace tiara::app
