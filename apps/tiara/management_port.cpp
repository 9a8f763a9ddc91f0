#include "tiara/management_port.hpp"

#include <utility>

#include "broker/admin_access.hpp"

namespace tiara::app {

dxl::Result<std::unique_ptr<ManagementPort>> ManagementPort::start(const State& state,
                                                                   ManagementPortOptions options) {
  auto password = broker::create_or_read_admin_password(state.paths.admin_token);
  if (!password) return dxl::fail(std::move(password).error());
  broker::ManagementOptions answers;
  answers.broker_id = state.broker_id;
  answers.port = options.broker_port;
  answers.web_socket_port = options.web_socket_port;
  answers.version = TIARA_VERSION;
  answers.password = *std::move(password);
  answers.policy = state.paths.policy;
  answers.policy_lock = state.paths.policy_lock;
  answers.keystore_lock = state.paths.keystore_lock;
  answers.find_problem = std::move(options.find_problem);
  answers.metrics = std::move(options.metrics);
  std::unique_ptr<ManagementPort> made(new ManagementPort(std::move(answers), state.keystore));

  net::HttpsOptions https;
  if (!options.listen.empty()) https.listen_addresses = std::move(options.listen);
  https.port = options.port;
  https.certificate = state.keystore.broker_certificate();
  https.private_key = state.keystore.broker_key();
  auto started = net::HttpsServer::start(
      std::move(https), [&management = made->management_](const net::HttpRequest& request) {
        return management.handle(request);
      });
  if (!started) return dxl::fail(std::move(started).error());
  made->server_ = *std::move(started);
  return made;
}

dxl::Result<void> ManagementPort::reload_certificate(const State& state) {
  // Nobody changes half of it meanwhile.
  const auto held = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!held) return dxl::fail(held.error());
  return server_->set_certificate(state.keystore.broker_certificate(), state.keystore.broker_key());
}

}  // namespace tiara::app
