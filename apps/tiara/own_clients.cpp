#include "tiara/own_clients.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "broker/certificate.hpp"
#include "broker/file_set.hpp"
#include "broker/policy_file.hpp"
#include "broker/policy_succession.hpp"
#include "tiara/client_change.hpp"
#include "tiara/client_directory.hpp"
#include "tiara/credentials.hpp"

namespace tiara::app {
namespace {

namespace fs = std::filesystem;
using fabric::Thumbprints;

dxl::Result<bool> is_revoked(const State& state, const std::string& pem) {
  const auto checked = check_client(state, pem);
  if (!checked) return dxl::fail(checked.error());
  return checked->is_revoked;
}

// Where the keystore does not change meanwhile.
dxl::Result<std::optional<Outcome>> find_obstacle(const State& state) {
  const fs::path& directory = state.paths.admin_client;
  if (!broker::is_there(directory / "dxlclient.config") || !holds_certificate(directory))
    return Outcome("admin client: not there, not renewed");
  const auto lock = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  const auto pem = broker::read_file(directory / "client.crt");
  if (!pem) return dxl::fail(pem.error());
  const auto revoked = is_revoked(state, *pem);
  if (!revoked) return dxl::fail(revoked.error());
  if (*revoked) return Outcome("admin client: revoked, not renewed");
  return std::optional<Outcome>();
}

}  // namespace

std::string groups_text(const broker::StatePaths& paths, const fs::path& certificate) {
  const auto policy = broker::load_policy(paths.policy);
  const auto found = broker::read_certificate(certificate);
  std::vector<std::string> groups;
  if (policy && found)
    for (const fabric::Member& member : policy->members)
      if (member.certificate.sha1 == found->thumbprints.sha1 ||
          member.certificate.sha256 == found->thumbprints.sha256)
        groups.insert(groups.end(), member.groups.begin(), member.groups.end());
  if (groups.empty()) return "in no group, as before";
  return fmt::format("its groups stay: {}", fmt::join(groups, ", "));
}

dxl::Result<Outcome> reissue_admin_client(const State& state) {
  const fs::path& directory = state.paths.admin_client;
  auto obstacle = find_obstacle(state);
  if (!obstacle) return dxl::fail(obstacle.error());
  if (*obstacle) return **std::move(obstacle);
  const auto ports = broker::read_ports(state.paths);
  const BrokerAt broker{state.broker_id,
                        ports && ports->mqtts ? *ports->mqtts : state.settings.port,
                        ports && ports->wss ? *ports->wss : state.settings.web_socket_port, ""};
  if (auto done = reissue_client(directory, state.paths, state.keystore, "admin", broker); !done)
    return dxl::fail(done.error());
  return "admin client: renewed, " + groups_text(state.paths, directory / "client.crt");
}

dxl::Result<Outcome> renew_service(const State& state) {
  const fs::path certificate = state.paths.service / "service.crt";
  if (!broker::is_there(certificate)) return Outcome("TIE service: not there, not renewed");
  const auto issued = state.keystore.issue_client(kServiceName);
  if (!issued) return dxl::fail(issued.error());
  const auto lock = broker::FileLock::acquire(state.paths.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  if (auto cleared = clear_client_change(state.paths); !cleared) return dxl::fail(cleared.error());
  // One that cannot be read has nothing to hand on.
  const auto pem = broker::read_file(certificate);
  const auto old = pem ? broker::inspect_certificate(*pem) : dxl::fail(pem.error());
  const auto revoked = old ? is_revoked(state, *pem) : dxl::Result<bool>(false);
  if (!revoked) return dxl::fail(revoked.error());
  const auto done = change_client(
      state.paths,
      {certificate, old ? std::optional(old->thumbprints) : std::nullopt, issued->thumbprints},
      {{"service.key", issued->private_key_pem}, {"service.crt", issued->certificate_pem}},
      [&]() -> dxl::Result<void> {
        if (!old || *revoked) return {};
        const auto added =
            broker::add_successor(state.paths.policy, old->thumbprints, issued->thumbprints);
        return added ? dxl::Result<void>() : dxl::fail(added.error());
      });
  if (!done) return dxl::fail(done.error());
  return Outcome(*revoked ? "TIE service: renewed, but what the policy says of its revoked "
                            "certificate does not hold for the new one"
                          : "TIE service: renewed");
}

}  // namespace tiara::app
