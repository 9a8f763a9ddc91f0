// `tiara provision`.
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "broker/policy_file.hpp"
#include "broker/signing_request.hpp"
#include "tiara/auth_policy.hpp"
#include "tiara/client_directory.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

dxl::Result<void> provision(const ProvisionOptions& options) {
  if (options.host.find_first_of("; \t\r\n") != std::string::npos)
    return dxl::fail(ErrorCode::kInvalidArgument, "--host: expected a host name or an address");
  if (const auto checked = broker::check_client_name(options.name); !checked)
    return dxl::fail(checked.error().code, "--name: " + checked.error().message);
  const auto state = open_state(broker::StatePaths(options.state), environment_sources());
  if (!state) return dxl::fail(state.error());
  const auto policy = broker::load_policy(state->paths.policy);
  if (!policy) return dxl::fail(policy.error());
  for (const std::string& group : options.groups)
    if (auto known = check_group(*policy, group); !known) return known;
  // The running broker's port; without one, the port it will have.
  const auto ports = broker::read_ports(state->paths);
  const std::uint16_t port = ports && ports->mqtts ? *ports->mqtts : state->settings.port;
  const std::uint16_t web_socket_port =
      ports && ports->wss ? *ports->wss : state->settings.web_socket_port;
  if (port == 0)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: listen.port is 0 and no broker is running: its port is not "
                                 "known yet",
                                 state->paths.config.string()));
  if (auto written = write_client(
          options.directory, state->paths, state->keystore, options.name, options.groups,
          {state->broker_id, port, web_socket_port, options.host}, options.force);
      !written)
    return written;
  const auto confirmed = confirm_policy(state->paths, "the client is written");
  if (!confirmed) return dxl::fail(confirmed.error());
  if (!*confirmed)
    fmt::print(stderr, "no broker is running on {}: written for port {}\n",
               state->paths.root.string(), port);
  return {};
}

}  // namespace

int run_provision(const ProvisionOptions& options) {
  ::umask(077);
  const auto done = provision(options);
  if (!done) return report(done.error());
  fmt::print(stderr, "wrote {}\n", (options.directory / "dxlclient.config").string());
  return kExitOk;
}

}  // namespace tiara::app
