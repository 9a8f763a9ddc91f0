// `tiara provision`.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/printable.hpp"
#include "broker/certificate.hpp"
#include "broker/policy_file.hpp"
#include "broker/signing_request.hpp"
#include "tiara/auth_policy.hpp"
#include "tiara/client_directory.hpp"
#include "tiara/commands.hpp"
#include "tiara/credentials.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/own_clients.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

// Whether the new certificate gets what the policy says of the one that is there. That one has to
// be this client's, by its name and by its key: anybody can put somebody else's certificate there.
dxl::Result<bool> hands_on(const State& state, const fabric::Policy& policy,
                           const ProvisionOptions& options) {
  if (!options.force || !options.groups.empty()) return false;
  const auto pem = broker::read_file(options.directory / "client.crt"),
             key = broker::read_file(options.directory / "client.key");
  const auto facts = pem ? broker::inspect_certificate(*pem) : dxl::fail(pem.error());
  if (!facts || !key || facts->common_name != options.name || !broker::check_key(*pem, *key))
    return false;
  const bool is_member = std::any_of(
      policy.members.begin(), policy.members.end(), [&facts](const fabric::Member& member) {
        return member.certificate.sha1 == facts->thumbprints.sha1 ||
               member.certificate.sha256 == facts->thumbprints.sha256;
      });
  const auto lock = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  const auto checked = check_client(state, *pem);
  if (!checked) return dxl::fail(checked.error());
  return is_member && !checked->is_revoked;
}

dxl::Result<void> write(const State& state, const fabric::Policy& policy,
                        const ProvisionOptions& options, const BrokerAt& broker) {
  const bool is_replaced = broker::is_there(options.directory / "client.crt");
  const auto handed_on = hands_on(state, policy, options);
  if (!handed_on) return dxl::fail(handed_on.error());
  const auto done = *handed_on ? reissue_client(options.directory, state.paths, state.keystore,
                                                options.name, broker)
                               : write_client(options.directory, state.paths, state.keystore,
                                              options.name, options.groups, broker, options.force);
  if (!done || !is_replaced || !options.groups.empty()) return done;
  fmt::print(stderr, "{}: {}\n", base::printable(options.name),
             *handed_on ? groups_text(state.paths, options.directory / "client.crt")
                        : "in no group: what was there is no member of this name, or is revoked");
  return done;
}

// Two clients of one name are allowed, and a nuisance later.
void note_namesakes(const State& state, const ProvisionOptions& options) {
  const auto policy = broker::load_policy(state.paths.policy);
  const auto own = broker::read_certificate(options.directory / "client.crt");
  if (!policy || !own) return;
  const bool has_namesake = std::any_of(
      policy->members.begin(), policy->members.end(), [&](const fabric::Member& member) {
        return member.name == options.name && member.certificate.sha1 != own->thumbprints.sha1 &&
               member.certificate.sha256 != own->thumbprints.sha256;
      });
  if (has_namesake)
    fmt::print(stderr,
               "tiara: note: another client has the name {0}, too; `tiara auth list {0}` shows "
               "both, and `tiara auth` takes them by thumbprint only\n",
               base::printable(options.name));
}

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
  if (auto written =
          write(*state, *policy, options, {state->broker_id, port, web_socket_port, options.host});
      !written)
    return written;
  note_namesakes(*state, options);
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
