// `tiara provision`.
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "broker/control.hpp"
#include "tiara/client_directory.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

dxl::Result<void> provision(const ProvisionOptions& options) {
  if (auto known = check_groups(options.groups); !known) return known;
  if (options.host.find_first_of("; \t\r\n") != std::string::npos)
    return dxl::fail(ErrorCode::kInvalidArgument, "--host: expected a host name or an address");
  const auto state = open_state(broker::StatePaths(options.state), environment_sources());
  if (!state) return dxl::fail(state.error());
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
  const auto confirmed = broker::control(state->paths.control, "reload");
  // Nobody listens: the next broker on this state reads the policy when it starts.
  if (confirmed || confirmed.error().code == ErrorCode::kConnect) return {};
  return dxl::fail(confirmed.error().code,
                   "the client is written, but the running broker did not take the policy: " +
                       confirmed.error().message);
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
