// What `STATE/tiara.toml` sets, of all layers.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "broker/limits.hpp"
#include "broker/settings.hpp"
#include "dxl/result.hpp"
#include "reputation/settings.hpp"
#include "tiara/tie_settings.hpp"

namespace tiara::app {

struct StateSettings {
  std::vector<std::string> listen_addresses{"127.0.0.1", "::1"};  // listen.addresses
  std::uint16_t port = 8883;                                      // listen.port
  std::uint16_t web_socket_port = 8884;                           // listen.ws_port
  std::uint16_t https_port = 8443;                                // listen.https_port
  bool legacy_python_ciphers = false;                             // tls.legacy_python_ciphers
  unsigned threads = 1;                                           // broker.threads
  std::vector<std::string> service_zones;
  bool send_connect_events = false;
  bool test_mode = false;
  std::chrono::seconds message_sample{60};  // broker.message_sample_seconds
  LogSettings log;
  StoreSettings store;
  broker::BrokerLimits limits;
  reputation::Settings reputation;  // the names of TIE reference §12.2
};

// The rows write into `settings`, which must outlive them.
std::vector<broker::Setting> setting_rows(StateSettings& settings);

// kConfiguration names file, line and key.
dxl::Result<StateSettings> parse_state_settings(std::string_view text, std::string_view name);
std::string initial_state_settings_text();

// What stands above the file: variables first, then arguments, which are stronger.
struct SettingSources {
  std::vector<std::string> environment{};  // "NAME=value"
  std::vector<broker::SettingArgument> arguments{};
};
SettingSources environment_sources();  // this process's variables
// Each "KEY=VALUE", as of --set.
dxl::Result<void> add_settings(const std::vector<std::string>& set, SettingSources& sources);

struct LoadedSettings {
  StateSettings settings;
  broker::SetValues values;  // every key, with its origin
};
// A file that is missing sets nothing. kConfiguration with all that is wrong in a layer. The first
// is for rows of one's own.
dxl::Result<broker::SetValues> load_settings(const std::filesystem::path& file,
                                             const SettingSources& sources,
                                             const std::vector<broker::Setting>& rows);
dxl::Result<LoadedSettings> load_state_settings(const std::filesystem::path& file,
                                                const SettingSources& sources);

// What a reload found, by name. Keys that need a start keep their value in `running`, so that each
// reload names them again.
struct SettingChanges {
  std::vector<std::string> applied, restart;
};
SettingChanges take_changes(broker::SetValues& running, const broker::SetValues& loaded);
SettingChanges take_changes(broker::SetValues& running, const broker::SetValues& loaded,
                            const std::vector<broker::Setting>& rows);
// Logs them; `running` as take_changes() left it.
void log_changes(const SettingChanges& changes, const broker::SetValues& running);
// Why a reload changed nothing.
void log_refused_reload(const dxl::Error& error);
// [x,"y"] of texts, for answers on the control socket.
std::string json_array(const std::vector<std::string>& texts);

// docs/configuration.md.
std::string configuration_reference();

}  // namespace tiara::app
