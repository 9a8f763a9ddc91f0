// What a management port answers (DXL reference §7.4), as values. Pure, and strict about everything
// that goes into a client's files: the answer comes from a peer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/client_config.hpp"
#include "dxl/result.hpp"

namespace tiara::app {

inline constexpr std::size_t kMostBrokers = 1000;

struct BrokerLists {
  std::vector<dxl::BrokerAddress> brokers;
  // Absent when the answer does not speak of them.
  std::optional<std::vector<dxl::BrokerAddress>> websocket_brokers;
  std::vector<std::string> notes{};  // what was left out, one sentence each
};

struct ProvisioningPackage {
  std::string ca_bundle_pem, certificate_pem;
  BrokerLists lists;
};

// "OK:" and one JSON string. kPeer with the text of "ERROR <code>:"; kMalformed for everything
// else, such as a login page.
dxl::Result<std::string> parse_result(std::string_view body);

// "<CA bundle>,<certificate>,<broker lines>[,<WebSocket broker lines>]". That the certificates are
// some is the caller's to check.
dxl::Result<ProvisioningPackage> parse_package(std::string_view text);

// The JSON of getBrokerList, with the second list under either name.
dxl::Result<BrokerLists> parse_broker_list(std::string_view text);

}  // namespace tiara::app
