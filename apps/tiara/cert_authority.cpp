// `tiara cert-authority`: what the certificates of a fabric are, and new ones.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ports.hpp"
#include "base/printable.hpp"
#include "broker/authority.hpp"
#include "broker/control.hpp"
#include "broker/revocations.hpp"
#include "broker/rotation_policy.hpp"
#include "tiara/commands.hpp"
#include "tiara/credentials.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/own_clients.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using Held = std::vector<broker::HeldCertificate>;

std::int64_t days_left(const broker::HeldCertificate& held) {
  return days_left(Expiry{held.role, held.facts.expires}, std::chrono::system_clock::now());
}

std::string to_json(const Held& all, bool is_rotating) {
  nlohmann::ordered_json json;
  json["rotating"] = is_rotating;
  auto& list = json["certificates"] = nlohmann::ordered_json::array();
  for (const broker::HeldCertificate& held : all)
    list.push_back({{"role", held.role},
                    {"subject", held.facts.subject},
                    {"expires", std::chrono::system_clock::to_time_t(held.facts.expires)},
                    {"daysLeft", days_left(held)},
                    {"sha1", held.facts.thumbprints.sha1},
                    {"sha256", held.facts.thumbprints.sha256},
                    {"file", held.file.string()}});
  return json.dump();
}

std::string to_text(const Held& all, bool is_rotating) {
  std::string text;
  for (const broker::HeldCertificate& held : all)
    text +=
        fmt::format("{}: {}\n  until  {:%Y-%m-%d} ({} days)\n  sha1   {}\n  sha256 {}\n", held.role,
                    held.facts.subject, fmt::gmtime(held.facts.expires), days_left(held),
                    held.facts.thumbprints.sha1, held.facts.thumbprints.sha256);
  if (is_rotating)
    text +=
        "A rotation is under way: give the clients new certificates with `tiara provision "
        "--force`,\n"
        "then `tiara cert-authority rotate --finish`.\n";
  return text;
}

dxl::Result<void> show(const State& state, bool json) {
  auto held = broker::list_certificates(state.paths.keystore);
  if (!held) return dxl::fail(held.error());
  const auto service = state.paths.service / "service.crt";
  if (const auto text = broker::read_file(service))
    if (auto facts = broker::inspect_certificate(*text))
      held->push_back({"service", service, *std::move(facts)});
  const bool is_rotating = broker::is_rotating(state.paths.keystore);
  fmt::print("{}", json ? to_json(*held, is_rotating) + "\n" : to_text(*held, is_rotating));
  return {};
}

dxl::Result<void> say(dxl::Result<Outcome> outcome) {
  if (!outcome) return dxl::fail(outcome.error());
  fmt::print(stderr, "{}\n", base::printable(*outcome));
  return {};
}

// Whoever is admitted by his CA's thumbprint stays so.
dxl::Result<void> settle(const State& state) {
  const auto added = broker::settle_policy(state.paths);
  if (!added)
    return dxl::fail(added.error().code,
                     fmt::format("the CAs are replaced, but the policy could not be told; it will "
                                 "be at the next start, reload or command: {}",
                                 added.error().message));
  for (const std::string& each : *added)
    fmt::print(stderr, "policy: {}: the new CA is named beside the old\n", base::printable(each));
  return {};
}

dxl::Result<void> renew(const State& state) {
  const auto lock = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  if (auto done = broker::renew_broker(state.paths.keystore, state.broker_id, broker_names());
      !done)
    return done;
  return say(renew_service(state));
}

// What its clients trust: both CAs from now on. One that is not there stays away.
dxl::Result<Outcome> hand_bundle_to_admin(const State& state) {
  const auto bundle = state.paths.admin_client / "brokercerts.crt";
  if (!broker::is_there(bundle)) return Outcome("admin client: not there, nothing changed");
  const auto text = broker::read_file(state.keystore.broker_ca_bundle());
  if (!text) return dxl::fail(text.error());
  if (auto done = broker::write_file_atomically(bundle, *text); !done)
    return dxl::fail(done.error());
  return Outcome("admin client: trusts the new CA, too; `rotate --finish` renews it");
}

dxl::Result<void> rotate(const State& state) {
  const auto lock = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  if (!broker::is_rotating(state.paths.keystore))
    if (auto can = broker::check_policy_editable(state.paths); !can) return can;
  if (auto done = broker::begin_rotation(state.paths.keystore, state.broker_id,
                                         base::SystemClock().epoch_seconds());
      !done)
    return done;
  if (auto done = settle(state); !done) return done;
  if (auto done = say(hand_bundle_to_admin(state)); !done) return done;
  return say(renew_service(state));
}

// Our own clients first: they must not be the ones that are locked out.
dxl::Result<void> finish(const State& state) {
  if (!broker::is_rotating(state.paths.keystore))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     "no rotation is under way; `tiara cert-authority rotate` begins one");
  if (auto named = broker::check_policy_names_new_cas(state.paths); !named) return named;
  if (auto done = say(reissue_admin_client(state)); !done) return done;
  const auto lock = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  if (auto done = say(renew_service(state)); !done) return done;
  // What is still connected with a certificate of the old CAs goes with them.
  const auto revoke = [&state](const std::vector<broker::CertificateFacts>& dropped) {
    std::vector<std::string> thumbprints;
    for (const broker::CertificateFacts& facts : dropped)
      thumbprints.push_back(facts.thumbprints.sha256);
    return broker::append_revocations(state.paths.revocations, thumbprints);
  };
  if (auto done =
          broker::finish_rotation(state.paths.keystore, state.broker_id, broker_names(), revoke);
      !done)
    return done;
  return settle(state);
}

// Of files that we do not edit.
void note_rules_of_old_ca(const State& state) {
  if (const auto named = broker::check_policy_names_new_cas(state.paths); !named)
    fmt::print(stderr, "tiara: note: {}\n", base::printable(named.error().message));
}

dxl::Result<void> tell_broker(const State& state) {
  const auto confirmed = broker::control(state.paths.control, "reload");
  // Nobody listens: the next broker on this state reads the files when it starts.
  if (confirmed || confirmed.error().code == ErrorCode::kConnect) return {};
  return dxl::fail(confirmed.error().code,
                   "the files are written, but the running broker did not take them: " +
                       confirmed.error().message);
}

dxl::Result<void> run(const CommonOptions& common, const CertAuthorityOptions& options) {
  using Action = CertAuthorityOptions::Action;
  const auto state = open_state(broker::StatePaths(options.state));
  if (!state) return dxl::fail(state.error());
  if (options.action == Action::kShow) return show(*state, common.json);
  const auto done = options.action == Action::kRenew ? renew(*state)
                    : options.finish                 ? finish(*state)
                                                     : rotate(*state);
  const bool is_refused = !done && done.error().code == ErrorCode::kInvalidArgument;
  if (!done && !is_refused) return done;
  // Also when it is refused because it has been done: perhaps by one that was killed before it
  // could tell.
  if (auto told = tell_broker(*state); !told) return told;
  if (is_refused) return done;
  note_rules_of_old_ca(*state);
  return show(*state, common.json);
}

}  // namespace

int run_cert_authority(const CommonOptions& common, const CertAuthorityOptions& options) {
  ::umask(077);
  const auto done = run(common, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace tiara::app
