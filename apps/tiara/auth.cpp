// `tiara auth list|grant|revoke|test`.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "broker/certificate.hpp"
#include "broker/keystore.hpp"
#include "broker/policy_file.hpp"
#include "broker/revocations.hpp"
#include "broker/topicauth_file.hpp"
#include "dxl/topic.hpp"
#include "tiara/auth_client.hpp"
#include "tiara/auth_policy.hpp"
#include "tiara/commands.hpp"
#include "tiara/credentials.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/output.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using fabric::Member;

std::string name_of(const Member& member) {
  return member.name.empty() ? thumbprint_of(member) : printable(member.name);
}

// The connection this certificate would have, as far as the state knows: signed by its own CA.
dxl::Result<fabric::Identity> identity_of(const State& state, const Member& member) {
  const auto ca = broker::read_certificate(state.keystore.client_ca());
  if (!ca) return dxl::fail(ca.error());
  return fabric::make_identity({ca->thumbprints, member.certificate}, member.name, "");
}

// By thumbprint, without the CRLs.
dxl::Result<fabric::RevocationList> revocations_of(const State& state) {
  const auto read = broker::read_revocations(state.paths.revocations);
  if (!read) return dxl::fail(read.error());
  return fabric::RevocationList(*read);
}

dxl::Result<int> list(const State& state, const AuthOptions& options, bool json) {
  const auto loaded = broker::load_policies(state.paths);
  if (!loaded) return dxl::fail(loaded.error());
  std::vector<Member> shown = loaded->policy.members;
  if (!options.client.empty()) {
    const auto client = parse_client(loaded->policy, options.client);
    if (!client) return dxl::fail(client.error());
    auto entries = find_entries(loaded->policy, *client);
    if (!entries) return dxl::fail(entries.error());
    shown = *std::move(entries);
  }
  const auto revoked = revocations_of(state);
  if (!revoked) return dxl::fail(revoked.error());
  for (const std::string& warning : loaded->warnings)
    fmt::print(stderr, "tiara: warning: {}\n", printable(warning));
  if (json)
    fmt::print("{}\n", policy_json(*loaded, shown, *revoked));
  else
    fmt::print("{}", policy_text(*loaded, shown, *revoked));
  return kExitOk;
}

// What may be a mistake, but need not be one.
void note_doubts(const State& state, const NamedClient& client, bool is_member) {
  if (!is_member && client.pem.empty())
    fmt::print(stderr,
               "tiara: note: no member has this thumbprint; the group holds for whatever "
               "certificate has it\n");
  const auto bundle = broker::read_file(state.keystore.client_ca());
  if (client.pem.empty() || !bundle || broker::check_chain(client.pem, *bundle)) return;
  fmt::print(stderr,
             "tiara: note: the certificate is not signed by a CA of this fabric, so that its owner "
             "cannot connect\n");
}

// Through a file, a CA is more likely a mistake than meant.
dxl::Result<void> check_may_be_granted(const AuthOptions& options, const NamedClient& client) {
  if (!client.is_ca) return {};
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("{}: is the certificate of a CA, and would put everything that it "
                               "signed into the group; if that is meant, give its thumbprint {}",
                               printable(options.client), client.certificate.sha256));
}

struct Changed {
  Member member;
  bool is_new = false;  // false: it was so before
};

dxl::Result<Changed> change(const State& state, const AuthOptions& options) {
  const auto lock = broker::FileLock::acquire(state.paths.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  const auto policy = broker::load_policy(state.paths.policy);
  if (!policy) return dxl::fail(policy.error());
  if (auto known = check_group(*policy, options.group); !known) return dxl::fail(known.error());
  const auto client = parse_client(*policy, options.client);
  if (!client) return dxl::fail(client.error());
  auto found = find_client(*policy, *client);
  if (!found) return dxl::fail(found.error());
  Member& member = found->member;
  const auto at = std::find(member.groups.begin(), member.groups.end(), options.group);
  const bool has = at != member.groups.end();
  const bool grants = options.action == AuthOptions::Action::kGrant;
  if (has == grants) return Changed{std::move(member), false};
  if (grants) {
    if (auto may = check_may_be_granted(options, *client); !may) return dxl::fail(may.error());
    note_doubts(state, *client, found->is_member);
    member.groups.push_back(options.group);
  } else {
    member.groups.erase(at);
  }
  if (auto written = broker::add_member(state.paths.policy, member); !written)
    return dxl::fail(written.error());
  return Changed{std::move(member), true};
}

// A revoked group may be there all the same: through another entry.
dxl::Result<int> check_revoked(const State& state, const Member& member, const std::string& group) {
  auto policy = broker::load_policy(state.paths.policy);
  if (!policy) return dxl::fail(policy.error());
  const auto identity = identity_of(state, member);
  if (!identity) return dxl::fail(identity.error());
  const fabric::Authorization authorization(std::move(*policy));
  if (!authorization.is_member(*identity, group)) return kExitOk;
  const bool administrates = authorization.is_member(*identity, fabric::kGroupAdministrators);
  fmt::print(stderr, "tiara: {} still has the rights of \"{}\": {}\n", name_of(member),
             printable(group),
             administrates ? "it is in \"Tiara Administrators\", which has those of every group"
                           : "the CA that signed it is a member");
  return kExitNoEffect;
}

dxl::Result<int> grant_or_revoke(const State& state, const AuthOptions& options) {
  const auto changed = change(state, options);
  if (!changed) return dxl::fail(changed.error());
  if (auto confirmed = confirm_policy(state.paths, "the policy is written"); !confirmed)
    return dxl::fail(confirmed.error());
  const bool grants = options.action == AuthOptions::Action::kGrant;
  fmt::print(stderr, "{} {} \"{}\"\n", name_of(changed->member),
             grants ? (changed->is_new ? "is now in" : "was already in")
                    : (changed->is_new ? "is no longer in" : "was not in"),
             printable(options.group));
  if (grants) return kExitOk;
  return check_revoked(state, changed->member, options.group);
}

// The certificate's file, if there is one: what was given, or that of a client in the state.
std::string find_pem(const State& state, const NamedClient& client, const Member& member) {
  if (!client.pem.empty()) return client.pem;
  for (const auto& file :
       {state.paths.admin_client / "client.crt", state.paths.service / "service.crt"}) {
    const auto text = broker::read_file(file);
    const auto facts = text ? broker::inspect_certificate(*text) : dxl::fail(text.error());
    if (facts && (facts->thumbprints.sha256 == member.certificate.sha256 ||
                  facts->thumbprints.sha1 == member.certificate.sha1))
      return *text;
  }
  return {};
}

void note_untold(bool has_crls) {
  fmt::print(stderr,
             "tiara: note: whether the CA that signed the certificate is still one of this "
             "fabric{} can be told from the certificate's file only\n",
             has_crls ? ", and whether a CRL revokes it," : "");
}

// Why the broker does not let the certificate in; empty if it does. Who signed it stands in the
// certificate itself only, and so does the serial number, which CRLs name.
dxl::Result<std::string> find_refusal(const State& state, const fabric::Identity& identity,
                                      const std::string& pem) {
  const auto revoked = revocations_of(state);
  if (!revoked) return dxl::fail(revoked.error());
  if (revoked->revokes(identity)) return std::string("its certificate is revoked");
  const auto lock = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  if (pem.empty()) {
    const auto crls = find_crls(state.paths);
    if (!crls) return dxl::fail(crls.error());
    note_untold(!crls->empty());
    return std::string();
  }
  const auto checked = check_client(state, pem);
  if (!checked) return dxl::fail(checked.error());
  if (checked->is_revoked) return std::string("its certificate is revoked");
  return checked->refusal.empty() ? std::string() : "it cannot connect: " + checked->refusal;
}

dxl::Result<int> test(const State& state, const AuthOptions& options, bool json) {
  if (!dxl::is_valid_topic(options.topic))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\": expected a topic one may publish to, without wildcards",
                                 printable(options.topic)));
  auto loaded = broker::load_policies(state.paths);
  if (!loaded) return dxl::fail(loaded.error());
  loaded->policy.service_side = options.service;
  const auto client = parse_client(loaded->policy, options.client);
  if (!client) return dxl::fail(client.error());
  // A certificate that is no member may do what everybody may.
  const auto found = find_client(loaded->policy, *client);
  if (!found) return dxl::fail(found.error());
  const auto identity = identity_of(state, found->member);
  if (!identity) return dxl::fail(identity.error());
  const fabric::Authorization authorization(std::move(loaded->policy));
  const auto direction = options.send ? fabric::Direction::kSend : fabric::Direction::kReceive;
  TestedTopic tested{options.client, direction, options.topic,
                     authorization.explain(*identity, direction, options.topic)};
  const auto refusal = find_refusal(state, *identity, find_pem(state, *client, found->member));
  if (!refusal) return dxl::fail(refusal.error());
  if (!refusal->empty()) tested.verdict = {.allowed = false, .groups = {}, .reason = *refusal};
  fmt::print("{}\n", json ? verdict_json(tested) : verdict_text(tested));
  return tested.verdict.allowed ? kExitOk : kExitNegative;
}

dxl::Result<int> run(const CommonOptions& common, const AuthOptions& options) {
  const auto state = open_state(broker::StatePaths(options.state));
  if (!state) return dxl::fail(state.error());
  switch (options.action) {
    case AuthOptions::Action::kList:
      return list(*state, options, common.json);
    case AuthOptions::Action::kGrant:
    case AuthOptions::Action::kRevoke:
      return grant_or_revoke(*state, options);
    case AuthOptions::Action::kTest:
      return test(*state, options, common.json);
  }
  return kExitUsage;
}

}  // namespace

int run_auth(const CommonOptions& common, const AuthOptions& options) {
  ::umask(077);
  const auto code = run(common, options);
  return code ? *code : report(code.error());
}

}  // namespace tiara::app
