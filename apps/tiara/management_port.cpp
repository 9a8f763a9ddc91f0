#include "tiara/management_port.hpp"

#include <utility>

#include "broker/admin_access.hpp"
#include "broker/credential_files.hpp"

namespace tiara::app {

dxl::Result<std::unique_ptr<ManagementPort>> ManagementPort::start(const State& state,
                                                                   ManagementPortOptions options) {
  const auto handed_over = broker::find_credential("admin.token");
  auto password = handed_over ? broker::read_admin_password(*handed_over)
                              : broker::create_or_read_admin_password(state.paths.admin_token);
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
  answers.find_notes = std::move(options.find_notes);
  answers.metrics = std::move(options.metrics);
  std::unique_ptr<ManagementPort> made(new ManagementPort(std::move(answers), state.keystore));

  net::HttpsOptions https;
  if (!options.listen.empty()) https.listen_addresses = std::move(options.listen);
  https.port = options.port;
  https.tls = std::move(options.tls);
  auto started = net::HttpsServer::start(
      std::move(https), [&management = made->management_](const net::HttpRequest& request) {
        return management.handle(request);
      });
  if (!started) return dxl::fail(std::move(started).error());
  made->server_ = *std::move(started);
  return made;
}

}  // namespace tiara::app
