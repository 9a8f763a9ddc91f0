// `tiara config check`, `show` and `reference`, and `tiara status`.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "broker/control.hpp"
#include "broker/credential_files.hpp"
#include "broker/keystore.hpp"
#include "broker/topicauth_file.hpp"
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

int show(const CommonOptions& common, const ConfigOptions& options) {
  const broker::StatePaths paths(options.state);
  if (!broker::is_there(paths.root))
    return report({ErrorCode::kStorage,
                   fmt::format("{0}: no state there; `tiara up --state {0}` creates one",
                               paths.root.string()),
                   0});
  const auto loaded = load_state_settings(paths.config, environment_sources());
  if (!loaded) return report(loaded.error());
  if (common.json)
    print_json(loaded->values, options.origin);
  else
    print_text(loaded->values, options.origin);
  return kExitOk;
}

int check(const ConfigOptions& options) {
  const auto checked = check_config(broker::StatePaths(options.state), environment_sources());
  if (!checked) return report(checked.error());
  fmt::print("ok\n");
  return kExitOk;
}

}  // namespace

dxl::Result<void> check_config(const broker::StatePaths& paths, const SettingSources& sources) {
  std::string problems;
  const auto note = [&problems](const auto& result) {
    if (!result) problems += (problems.empty() ? "" : "\n") + result.error().message;
  };
  note(load_state_settings(paths.config, sources));
  note(broker::check_credentials());
  // From the first start on, these belong to the state.
  if (broker::is_there(paths.broker_id)) {
    note(broker::Keystore::open(paths.keystore));
    note(broker::load_policies(paths));
  }
  if (!problems.empty()) return dxl::fail(ErrorCode::kConfiguration, problems);
  return {};
}

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

int run_status(const StatusOptions& options) {
  const std::filesystem::path socket =
      options.state.empty() ? options.socket : broker::StatePaths(options.state).control;
  const auto answer = broker::control(socket, options.metrics ? "metrics" : "status");
  if (!answer) return report(answer.error());
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
