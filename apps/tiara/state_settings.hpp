// What `STATE/tiara.toml` sets, of all layers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/limits.hpp"
#include "broker/settings.hpp"
#include "dxl/result.hpp"
#include "reputation/engine.hpp"

namespace tiara::app {

struct StateSettings {
  std::uint16_t port = 8883;             // listen.port
  std::uint16_t web_socket_port = 8884;  // listen.ws_port
  std::uint16_t https_port = 8443;       // listen.https_port
  bool legacy_python_ciphers = false;    // tls.legacy_python_ciphers
  unsigned threads = 1;                  // broker.threads
  std::vector<std::string> service_zones;
  bool send_connect_events = false;
  bool test_mode = false;
  broker::BrokerLimits limits;
  reputation::Settings reputation;  // the names of TIE reference §12.2
};

// The rows write into `settings`, which must outlive them.
std::vector<broker::Setting> setting_rows(StateSettings& settings);

// kConfiguration names file, line and key.
dxl::Result<StateSettings> parse_state_settings(std::string_view text, std::string_view name);
std::string initial_state_settings_text();

}  // namespace tiara::app
