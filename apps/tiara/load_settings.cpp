// The settings of a state from all their layers, and their reference.
#include <unistd.h>

#include <utility>

#include "broker/state_directory.hpp"
#include "tiara/state_settings.hpp"

namespace tiara::app {
namespace {

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

dxl::Result<LoadedSettings> load_state_settings(const std::filesystem::path& file,
                                                const SettingSources& sources) {
  LoadedSettings loaded;
  const std::vector<broker::Setting> rows = setting_rows(loaded.settings);
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
  loaded.values = *std::move(applied);
  return loaded;
}

SettingChanges take_changes(broker::SetValues& running, const broker::SetValues& loaded) {
  StateSettings unused;
  SettingChanges changes;
  for (const broker::Setting& row : setting_rows(unused)) {
    const auto now = running.find(row.name);
    const auto then = loaded.find(row.name);
    if (now == running.end() || then == loaded.end() || now->second.value == then->second.value)
      continue;
    (row.reloads ? changes.applied : changes.restart).emplace_back(row.name);
    if (row.reloads) now->second = then->second;
  }
  return changes;
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
         broker::settings_reference(setting_rows(defaults));
}

}  // namespace tiara::app
