// Who may send to and receive from which topic (DXL reference §6.1, extensions.md "Named groups",
// DESIGN.md "Authorization"). An immutable value: a reload replaces it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/authorization_rules.hpp"
#include "fabric/identity.hpp"

namespace tiara::fabric {

// Most groups a policy may declare besides the built-in ones: a set of groups is one machine word.
inline constexpr std::size_t kMaxDeclaredGroups = 59;

// What holds for topics that no entry of the policy speaks about.
enum class Profile : std::uint8_t {
  kOpen,  // as the original: everybody may
  kDeny,  // nobody may, but for open_under_deny(), one's own reply topic, and what a group grants
};

std::string_view to_string(Profile profile);  // as in authorization.toml

// One certificate and what it is a member of. Either thumbprint identifies it; a CA's admits
// everything it signed.
struct Member {
  std::string name;  // for people: the common name at provisioning
  Thumbprints certificate;
  std::vector<std::string> groups;
};

// One entry of the policy tables: the topic (or `…/#`) may be used only by these. No certificates
// and no groups: nobody.
struct TopicRule {
  Direction direction = Direction::kSend;
  std::string topic;
  std::vector<std::string> certificates;  // SHA-1 or SHA-256, lower-case
  std::vector<std::string> groups;
};

struct Policy {
  std::vector<Member> members{};
  std::vector<TopicRule> rules{};
  // Whether this broker hosts the TIE service; false (--no-service) turns the built-in service-side
  // rules off.
  bool service_side = true;
  Profile profile = Profile::kOpen;
  std::vector<std::string> groups{};  // declared ones, up to kMaxDeclaredGroups
};

// The group's name is built in or declared by `policy`.
bool is_known_group(const Policy& policy, std::string_view name);
// `"A", "B"`: the built-in groups, then the declared ones, for messages.
std::string list_groups(const Policy& policy);

// Why a topic is or is not allowed.
struct Verdict {
  bool allowed = true;
  // Any of which would allow it, least privilege only: `Tiara Administrators` is listed only where
  // nothing less will do. Empty if the rule names certificates only.
  std::vector<std::string> groups;
  std::string reason;  // one sentence for people, empty when allowed
};

class Authorization {
 public:
  explicit Authorization(Policy policy);

  // The hot path: no allocation when `buffer` is warm. Built-in layer first and conjunctively, then
  // the tables with the walk of §6.1 (exact entry, then parents nearest first; a nearer denial is
  // overridden by a broader permission). What the profile "deny" leaves open is taken away only by
  // an entry for the same topic or one below.
  bool allows(const Identity& identity, Direction direction, std::string_view topic,
              std::string& buffer) const;
  // True when nothing speaks about the topic and the profile is open: everybody may, no need to ask
  // for each.
  bool is_open(Direction direction, std::string_view topic, std::string& buffer) const;
  // The same decision as `allows`, explained.
  Verdict explain(const Identity& identity, Direction direction, std::string_view topic) const;

  // By any certificate of the chain. Administrators are members of every known group; the
  // in-process service is a member of `TIE Server`.
  bool is_member(const Identity& identity, std::string_view group) const;
  const Policy& policy() const;

 private:
  struct Tables;
  struct Decision;
  Decision decide(const Identity& identity, Direction direction, std::string_view topic,
                  std::string& buffer) const;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace tiara::fabric
