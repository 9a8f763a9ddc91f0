// `tiara config check`, `show` and `reference`, `tiara status` and `tiara reload`.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "broker/control.hpp"
#include "tiara/check_config.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/metrics.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

nlohmann::ordered_json to_json(const broker::SettingValue& value) {
  return std::visit([](const auto& plain) { return nlohmann::ordered_json(plain); }, value);
}

void print_json(const broker::SetValues& values, bool with_origin) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, set] : values) {
    if (with_origin)
      json[name] = {{"value", to_json(set.value)}, {"origin", set.origin}};
    else
      json[name] = to_json(set.value);
  }
  // What is no UTF-8 (a variable may hold anything) becomes a replacement character.
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const broker::SetValues& values, bool with_origin) {
  for (const auto& [name, set] : values) {
    const std::string line = fmt::format("{} = {}", name, broker::to_toml(set.value));
    if (with_origin)
      fmt::print("{:<55} # {}\n", line, set.origin);
    else
      fmt::print("{}\n", line);
  }
}

dxl::Error no_state(const broker::StatePaths& paths) {
  return {
      ErrorCode::kStorage,
      fmt::format("{0}: no state there; `tiara up --state {0}` creates one", paths.root.string()),
      0};
}

int show(const CommonOptions& common, const ConfigOptions& options) {
  const broker::StatePaths paths(options.state);
  if (!broker::is_there(paths.root)) return report(no_state(paths));
  if (auto checked = check_is_no_server(paths); !checked) return report(checked.error());
  const auto loaded = load_state_settings(paths.config, environment_sources());
  if (!loaded) return report(loaded.error());
  if (common.json)
    print_json(loaded->values, options.origin);
  else
    print_text(loaded->values, options.origin);
  return kExitOk;
}

int check(const ConfigOptions& options) {
  const broker::StatePaths paths(options.state);
  if (!broker::is_there(paths.root)) return report(no_state(paths));
  return print_check(paths, environment_sources());
}

}  // namespace

int run_config(const CommonOptions& common, const ConfigOptions& options) {
  switch (options.action) {
    case ConfigOptions::Action::kCheck:
      return check(options);
    case ConfigOptions::Action::kShow:
      return show(common, options);
    case ConfigOptions::Action::kReference:
      fmt::print("{}", options.metrics ? metrics_reference() : configuration_reference());
      return kExitOk;
    case ConfigOptions::Action::kImport:
      return run_config_import(options);
  }
  return kExitUsage;
}

namespace {

// Nobody listens: the socket's error would say so in words of the system.
int report_unanswered(const dxl::Error& error, const std::filesystem::path& where) {
  if (error.code != ErrorCode::kConnect) return report(error);
  return report({error.code, fmt::format("no server is running on {}", where.string()), 0});
}

}  // namespace

int run_reload(const ReloadOptions& options) {
  const broker::StatePaths paths(options.state);
  if (!broker::is_there(paths.root)) return report(no_state(paths));
  const auto answer = broker::control(paths.control, "reload");
  if (!answer) return report_unanswered(answer.error(), options.state);
  fmt::print("{}\n", *answer);
  return kExitOk;
}

int run_status(const StatusOptions& options) {
  if (!options.state.empty() && !broker::is_there(broker::StatePaths(options.state).root))
    return report(no_state(broker::StatePaths(options.state)));
  const std::filesystem::path socket =
      options.state.empty() ? options.socket : broker::StatePaths(options.state).control;
  const auto answer = broker::control(socket, options.metrics ? "metrics" : "status");
  if (!answer)
    return report_unanswered(answer.error(), options.state.empty() ? socket : options.state);
  if (!options.metrics) {
    fmt::print("{}\n", *answer);
    return kExitOk;
  }
  // The socket's answers are one line: {"metrics":"…"}.
  const auto json = nlohmann::json::parse(*answer, nullptr, false);
  const auto text = json.is_object() ? json.find("metrics") : json.end();
  if (text == json.end() || !text->is_string())
    return report({ErrorCode::kMalformed, "the broker's answer holds no metrics", 0});
  fmt::print("{}", text->get_ref<const std::string&>());
  return kExitOk;
}

}  // namespace tiara::app
