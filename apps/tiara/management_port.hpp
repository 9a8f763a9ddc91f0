// The management port of `tiara up`: the HTTPS server and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ports.hpp"
#include "broker/management.hpp"
#include "dxl/result.hpp"
#include "net/https_server.hpp"
#include "tiara/state.hpp"

namespace tiara::app {

struct ManagementPortOptions {
  std::shared_ptr<const net::TlsContext> tls;
  std::vector<std::string> listen;  // empty: 127.0.0.1 and ::1
  std::uint16_t port = 8443;
  std::uint16_t broker_port = 8883;
  std::uint16_t web_socket_port = 8884;
  // All are called on the port's thread; see broker::ManagementOptions.
  std::function<std::optional<std::string>()> find_problem{};
  std::function<std::vector<std::string>()> find_notes{};
  std::function<std::string()> metrics{};
};

class ManagementPort {
 public:
  // The administrator's password is the credential admin.token; if there is none, it is in the
  // state, and made at the first start. kConnect, kConfiguration, kTls.
  static dxl::Result<std::unique_ptr<ManagementPort>> start(const State& state,
                                                            ManagementPortOptions options);
  std::uint16_t port() const { return server_->port(); }
  // Any thread. For the next connection.
  void set_tls(std::shared_ptr<const net::TlsContext> tls) { server_->set_tls(std::move(tls)); }
  net::HttpsStatus status() const { return server_->status(); }  // any thread

 private:
  ManagementPort(broker::ManagementOptions options, broker::Keystore keystore)
      : management_(std::move(options), std::move(keystore), clock_) {}

  base::SystemClock clock_;
  broker::Management management_;
  std::unique_ptr<net::HttpsServer> server_;  // goes first: it uses the others
};

}  // namespace tiara::app
