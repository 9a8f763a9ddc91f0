// What the tiara.toml of `tiara server` sets: where its fabric, its store and its members are; the
// rest as for `tiara up`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "broker/settings.hpp"
#include "dxl/result.hpp"
#include "reputation/settings.hpp"
#include "tiara/state_settings.hpp"
#include "tiara/tie_settings.hpp"

namespace tiara::app {

struct TieServerSettings {
  std::string fabric_config;  // fabric.config
  std::string store;          // store.directory; empty: `store` in `directory`
  std::string directory;      // server.directory; empty: where tiara.toml is
  std::string members = "authorization.toml";
  std::size_t front_ends = 1;
  bool trust_broker_certs = false;
  LogSettings log;
  StoreSettings memory;
  reputation::Settings reputation;
};

std::vector<broker::Setting> tie_server_rows(TieServerSettings& settings);

struct LoadedTieServer {
  TieServerSettings settings;
  broker::SetValues values;  // every key, with its origin
  // Relative ones of the file, from the directory of the file.
  std::filesystem::path fabric_config, store, directory, members;
};
// kConfiguration: the file is missing, or something in a layer is wrong, or no fabric is named.
dxl::Result<LoadedTieServer> load_tie_server(const std::filesystem::path& file,
                                             const SettingSources& sources);

// The part of docs/configuration.md.
std::string tie_server_reference();

}  // namespace tiara::app
