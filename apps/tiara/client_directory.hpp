// A provisioned client: a directory with dxlclient.config, client.crt, client.key, brokercerts.crt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "broker/keystore.hpp"
#include "broker/state_directory.hpp"
#include "dxl/result.hpp"

namespace tiara::app {

// Where a client finds the broker.
struct BrokerAt {
  std::string id;  // uuid without braces
  std::uint16_t port = 8883;
  std::uint16_t web_socket_port = 0;  // 0: none
  std::string host;                   // empty: localhost and 127.0.0.1
};

std::string client_config_text(const BrokerAt& broker);

// Issues a certificate, writes the directory (0700, files 0600) and makes the certificate a member
// of `groups`. The configuration is written last: where it exists, the client is complete.
// kInvalidArgument if the directory holds a client and `replace` is false; with `replace` the old
// certificate loses its membership.
dxl::Result<void> write_client(const std::filesystem::path& directory,
                               const broker::StatePaths& state, const broker::Keystore& keystore,
                               const std::string& name, const std::vector<std::string>& groups,
                               const BrokerAt& broker, bool replace);

// A new certificate for the client in `directory`: it gets what the policy says of the present one,
// groups and topic rules, and nothing if the policy does not speak of it.
dxl::Result<void> reissue_client(const std::filesystem::path& directory,
                                 const broker::StatePaths& state, const broker::Keystore& keystore,
                                 const std::string& name, const BrokerAt& broker);

// Certificate and key are there.
bool holds_certificate(const std::filesystem::path& directory);
dxl::Result<void> write_client_config(const std::filesystem::path& directory,
                                      const BrokerAt& broker);

}  // namespace tiara::app
