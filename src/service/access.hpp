// Who may ask the service for what (CVE-2019-3641's lesson): decided by certificate, per action, in
// the service itself, whatever the broker in front of it allows. One table, which the tests walk.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/message_codec.hpp"
#include "store/audit_entry.hpp"

namespace tiara::service {

// What a message does. Everything that changes a reputation needs a group; nobody has one by
// default.
enum class Action : std::uint8_t {
  kRead,            // lookups, first references, updates, info, search, explain
  kTell,            // metadata: counted and kept, changes no level
  kSetEnterprise,   // also each item of a set batch for providers 3 and 4
  kReportExternal,  // also each item of a set batch for provider 15
  kReportSandbox,
  kReadHistory,
  kReadOutcomesOfOthers,
};

// The groups any of which allows an action; empty: everybody may.
struct NeededGroups {
  std::vector<std::string_view> any_of;
};
const NeededGroups& groups_for(Action action);
std::string_view to_string(Action action);

// The sender as the broker names it.
struct Sender {
  std::string_view certificate;  // SHA-1, or what a foreign broker put there; empty: unknown
  std::string_view chain;        // `dxl.certs`: SHA-1s joined with `;`
};

struct AccessOptions {
  // Whether a certificate (SHA-1, lower-case hexadecimal) is a member of a named group. Any thread.
  // Empty: nobody is, and nobody may change a reputation.
  std::function<bool(std::string_view certificate, std::string_view group)> is_member{};
  // Whose list that is, if not the broker's, which `tiara auth` shows: a refusal names it.
  std::string members{};
  // What is known about a certificate for the audit log. Any thread.
  std::function<store::Actor(std::string_view certificate)> describe{};
  // Membership of any certificate in the message's `dxl.certs` counts too. On a broker that lets
  // clients forge that field (the original) it must stay off.
  bool trust_broker_certs = false;
};

class Access {
 public:
  explicit Access(AccessOptions options) : options_(std::move(options)) {}

  // Nullopt: allowed; else why not. `accept_unidentified`: TIE reference §6.19.
  std::optional<std::string> refuse(Action action, const Sender& sender,
                                    bool accept_unidentified) const;
  // With the certificate, and whatever else is known.
  store::Actor describe(const Sender& sender) const;

 private:
  bool is_member(const Sender& sender, std::string_view group) const;

  AccessOptions options_;
};

Sender sender_of(const dxl::MessageView& message);

}  // namespace tiara::service
