// The management port of `tiara up`: the HTTPS server and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "broker/management.hpp"
#include "dxl/result.hpp"
#include "net/https_server.hpp"
#include "tiara/state.hpp"

namespace tiara::app {

struct ManagementPortOptions {
  std::vector<std::string> listen;  // empty: 127.0.0.1 and ::1
  std::uint16_t port = 8443;
  std::uint16_t broker_port = 8883;
  std::uint16_t web_socket_port = 8884;
  // Both are called on the port's thread; see broker::ManagementOptions.
  std::function<std::optional<std::string>()> find_problem{};
  std::function<std::string()> metrics{};
};

class ManagementPort {
 public:
  // Makes the administrator's password at the first start. kConnect, kConfiguration, kTls.
  static dxl::Result<std::unique_ptr<ManagementPort>> start(const State& state,
                                                            ManagementPortOptions options);
  // For connections that begin from now on. The old one stays on failure.
  dxl::Result<void> reload_certificate(const State& state);
  std::uint16_t port() const { return server_->port(); }

 private:
  ManagementPort(broker::ManagementOptions options, broker::Keystore keystore)
      : management_(std::move(options), std::move(keystore), clock_) {}

  base::SystemClock clock_;
  broker::Management management_;
  std::unique_ptr<net::HttpsServer> server_;  // goes first: it uses the others
};

}  // namespace tiara::app
