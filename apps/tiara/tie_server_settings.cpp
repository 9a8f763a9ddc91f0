#include "tiara/tie_server_settings.hpp"

#include <fmt/format.h>

#include <utility>

#include "broker/state_directory.hpp"
#include "tiara/setting_kinds.hpp"

namespace tiara::app {
namespace {

using broker::Setting;
using dxl::ErrorCode;

constexpr std::int64_t kMaxFrontEnds = 8;

// Those that `tiara up` does not have, and the rest of their sections.
std::vector<Setting> own_rows(TieServerSettings& settings) {
  std::vector<Setting> rows{
      text(
          "fabric.config",
          "dxlclient.config of the client that the service is on its fabric. Where the broker asks "
          "for it, that client is in the group \"TIE Server\".",
          "a file", settings.fabric_config),
      text("store.directory", "The reputations. Empty: `store` in server.directory.", "a directory",
           settings.store),
      text("server.directory",
           "Lock, control socket and store; what `--state` of other commands names. Empty: where "
           "this file is.",
           "a directory", settings.directory),
      text("server.members",
           "Who may change reputations: [[member]] blocks as in authorization.toml, with sha1. A "
           "file that is not there: nobody.",
           "a file", settings.members),
      number(
          "server.front_ends",
          "Connections to the fabric, each with its own registration and thread, all on this one "
          "store. Brokers hand requests to them in turn.",
          settings.front_ends, 1, kMaxFrontEnds),
      flag("server.trust_broker_certs",
           "Believe the certificates that a message carries (`dxl.certs`), so that a CA's "
           "membership admits all it signed. Only with brokers that write them themselves, as ours "
           "do: the original passes on what a client claims.",
           settings.trust_broker_certs),
  };
  for (Setting& row : store_rows(settings.memory)) rows.push_back(std::move(row));
  return rows;
}

std::filesystem::path from(const std::filesystem::path& directory, const std::string& path) {
  return (directory / path).lexically_normal();
}

}  // namespace

std::vector<Setting> tie_server_rows(TieServerSettings& settings) {
  std::vector<Setting> rows = own_rows(settings);
  for (Setting& row : tie_rows(settings.reputation)) rows.push_back(std::move(row));
  for (Setting& row : log_rows(settings.log)) rows.push_back(std::move(row));
  rows.push_back(request_rate_row(settings.reputation));
  return rows;
}

dxl::Result<LoadedTieServer> load_tie_server(const std::filesystem::path& file,
                                             const SettingSources& sources) {
  if (!broker::is_there(file))
    return dxl::fail(ErrorCode::kConfiguration, fmt::format("{}: not there", file.string()));
  LoadedTieServer loaded;
  TieServerSettings& settings = loaded.settings;
  auto values = load_settings(file, sources, tie_server_rows(settings));
  if (!values) return dxl::fail(std::move(values).error());
  loaded.values = *std::move(values);
  if (settings.fabric_config.empty())
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: fabric.config is missing: the dxlclient.config of the "
                                 "service's client",
                                 file.string()));
  if (settings.members.empty())
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: server.members: expected a file", file.string()));
  const std::filesystem::path beside = std::filesystem::absolute(file).parent_path();
  loaded.fabric_config = from(beside, settings.fabric_config);
  loaded.members = from(beside, settings.members);
  loaded.directory = from(beside, settings.directory);
  loaded.store = settings.store.empty() ? loaded.directory / "store" : from(beside, settings.store);
  return loaded;
}

std::string tie_server_reference() {
  TieServerSettings defaults;
  return "\n# The tiara.toml of `tiara server`\n\n"
         "The sections [external] to [retention], [log], `create_date` and "
         "`limits.requests_per_second` as above, and these. A\n"
         "reload reads the members and the client's certificates again, too.\n" +
         broker::settings_reference(own_rows(defaults));
}

}  // namespace tiara::app
