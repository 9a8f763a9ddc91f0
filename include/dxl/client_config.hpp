// `dxlclient.config`, the file every OpenDXL client reads (DXL reference §3).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/ids.hpp"
#include "dxl/result.hpp"

#pragma GCC visibility push(default)
namespace dxl {

// One line of [Brokers]: `[<id>;]<port>;<host>[;<ip>]`.
struct BrokerAddress {
  BrokerId id{};       // empty if the line has none
  std::string host{};  // brackets of an IPv6 address are stripped
  std::uint16_t port = 8883;
  std::string ip{};  // second address to try; empty if none
  friend bool operator==(const BrokerAddress&, const BrokerAddress&) = default;
};

struct ProxyConfig {
  std::string address;
  std::uint16_t port = 0;
  std::string user;
  std::string password;
};

struct ClientConfig {
  std::string broker_cert_chain;  // path of the PEM bundle that validates brokers
  std::string cert_file;          // path of the PEM client certificate
  std::string private_key;        // path of its PEM key
  std::vector<BrokerAddress> brokers;
  std::vector<BrokerAddress> websocket_brokers;
  bool use_websockets = false;
  std::optional<ClientId> client_id;  // [General] ClientId; absent: a new one per client
  std::optional<ProxyConfig> proxy;
  std::vector<std::string> warnings;  // unknown keys and sections, one sentence each; never fatal

  // Reads `file`. Relative certificate paths are used as they are if they exist from the working
  // directory, else taken from the file's directory (§3.3). kConfiguration with file, line and key
  // when something is wrong.
  static Result<ClientConfig> load(const std::filesystem::path& file);

  // The text alone; paths stay as written. `name` appears in messages.
  static Result<ClientConfig> parse(std::string_view text, std::string_view name);
};

}  // namespace dxl
#pragma GCC visibility pop
