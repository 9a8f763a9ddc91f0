#include "fabric/authorization.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dxl/topic.hpp"
#include "fabric/text_map.hpp"

namespace tiara::fabric {
namespace {

// A set of known groups, one bit for each in the order of known_groups().
using GroupSet = std::uint8_t;
constexpr GroupSet kEnterpriseBit = 1, kExternalBit = 2, kTieServerBit = 4, kAdministratorsBit = 8;
constexpr GroupSet kEveryGroup = 15;

GroupSet bit_of(std::string_view group) {
  const auto& names = known_groups();
  const auto at = std::find(names.begin(), names.end(), group);
  if (at == names.end()) return 0;
  return static_cast<GroupSet>(1U << static_cast<unsigned>(at - names.begin()));
}

GroupSet to_set(const std::vector<std::string>& groups) {
  GroupSet set = 0;
  for (const std::string& group : groups) set |= bit_of(group);
  return set;
}

std::vector<std::string> to_names(GroupSet set) {
  std::vector<std::string> names;
  for (const std::string_view group : known_groups())
    if ((set & bit_of(group)) != 0) names.emplace_back(group);
  return names;
}

// The built-in layer: the one group that `topic` needs, or 0. Prefixes end in '/', so that they
// cover what the parent walk of `…/#` covers: everything below, not the topic itself.
GroupSet built_in_need(Direction direction, std::string_view topic, bool service_side) {
  constexpr std::string_view kExternalReport = "/mcafee/event/external/file/report";
  if (direction == Direction::kSend) {
    if (topic == "/mcafee/service/tie/file/reputation/set" ||
        topic == "/mcafee/service/tie/cert/reputation/set")
      return kEnterpriseBit;
    if (topic == kExternalReport) return kExternalBit;
    if (topic == "/mcafee/event/dxl/revocation/list") return kAdministratorsBit;
    if (service_side && topic.starts_with("/mcafee/event/tie/")) return kTieServerBit;
    return 0;
  }
  if (service_side && (topic == kExternalReport || topic.starts_with("/mcafee/service/tie/") ||
                       topic.starts_with("/opendxl-tiara/service/tie/")))
    return kTieServerBit;
  return 0;
}

std::string_view verb_of(Direction direction) {
  return direction == Direction::kSend ? "sending to" : "receiving from";
}

std::string describe(const Identity& identity) {
  if (identity.chain.empty()) return "the connection has no certificate and";
  const Thumbprints& leaf = identity.chain.back();
  std::string text = "certificate " + (leaf.sha1.empty() ? leaf.sha256 : leaf.sha1);
  if (!identity.subject.empty()) text += " (" + identity.subject + ")";
  return text;
}

std::string group_denial(Direction direction, std::string_view topic,
                         const std::vector<std::string>& groups, const Identity& identity) {
  const std::string_view phrase = groups.size() == 1 ? "the group" : "one of the groups";
  return fmt::format("{} {} needs {} \"{}\"; {} is in no such group", verb_of(direction), topic,
                     phrase, fmt::join(groups, "\", \""), describe(identity));
}

}  // namespace

const std::vector<std::string_view>& known_groups() {
  static const std::vector<std::string_view> names{kGroupSetEnterprise, kGroupSetExternal,
                                                   kGroupTieServer, kGroupAdministrators};
  return names;
}

bool is_known_group(std::string_view name) { return bit_of(name) != 0; }

struct Authorization::Tables {
  struct Rule {
    TextSet certificates;
    GroupSet groups = 0;
  };

  explicit Tables(Policy given) : policy(std::move(given)) {
    for (const Member& member : policy.members) {
      const GroupSet groups = to_set(member.groups);
      if (!member.certificate.sha1.empty()) memberships[member.certificate.sha1] |= groups;
      if (!member.certificate.sha256.empty()) memberships[member.certificate.sha256] |= groups;
    }
    for (const TopicRule& entry : policy.rules) {
      Rule& rule = rules[static_cast<std::size_t>(entry.direction)][entry.topic];
      rule.groups |= to_set(entry.groups);
      for (const std::string& certificate : entry.certificates)
        if (!certificate.empty()) rule.certificates.insert(certificate);
    }
  }

  GroupSet groups_of(const Identity& identity) const {
    GroupSet groups = identity.in_process_service ? kTieServerBit : GroupSet{0};
    for (const Thumbprints& certificate : identity.chain)
      for (const std::string* thumbprint : {&certificate.sha1, &certificate.sha256})
        if (const auto at = memberships.find(*thumbprint); at != memberships.end())
          groups |= at->second;
    return (groups & kAdministratorsBit) != 0 ? kEveryGroup : groups;
  }

  static bool admits(const Rule& rule, const Identity& identity, GroupSet groups) {
    if ((rule.groups & groups) != 0) return true;
    if (rule.certificates.empty()) return false;
    return std::any_of(identity.chain.begin(), identity.chain.end(), [&](const Thumbprints& c) {
      return rule.certificates.contains(c.sha1) || rule.certificates.contains(c.sha256);
    });
  }

  // Calls `f(entry's topic, rule)` for each entry of the walk of §6.1 until it returns false.
  template <class F>
  void walk(Direction direction, std::string_view topic, std::string& buffer, F&& f) const {
    const auto& table = rules[static_cast<std::size_t>(direction)];
    if (table.empty()) return;
    if (const auto at = table.find(topic); at != table.end())
      if (!f(std::string_view(at->first), at->second)) return;
    dxl::walk_parents(topic, buffer, [&](std::string_view parent) {
      const auto at = table.find(parent);
      return at == table.end() || f(std::string_view(at->first), at->second);
    });
  }

  Policy policy;
  TextMap<GroupSet> memberships;  // by either thumbprint
  std::array<TextMap<Rule>, 2> rules;
};

Authorization::Authorization(Policy policy)
    : tables_(std::make_shared<const Tables>(std::move(policy))) {}

const Policy& Authorization::policy() const { return tables_->policy; }

bool Authorization::is_member(const Identity& identity, std::string_view group) const {
  return (tables_->groups_of(identity) & bit_of(group)) != 0;
}

bool Authorization::is_open(Direction direction, std::string_view topic,
                            std::string& buffer) const {
  if (built_in_need(direction, topic, tables_->policy.service_side) != 0) return false;
  bool open = true;
  tables_->walk(direction, topic, buffer, [&](std::string_view, const Tables::Rule&) {
    open = false;
    return false;
  });
  return open;
}

bool Authorization::allows(const Identity& identity, Direction direction, std::string_view topic,
                           std::string& buffer) const {
  const GroupSet need = built_in_need(direction, topic, tables_->policy.service_side);
  if (need == 0 && tables_->rules[static_cast<std::size_t>(direction)].empty()) return true;
  const GroupSet groups = tables_->groups_of(identity);
  if (need != 0 && (need & groups) == 0) return false;
  bool allowed = true;
  tables_->walk(direction, topic, buffer, [&](std::string_view, const Tables::Rule& rule) {
    allowed = Tables::admits(rule, identity, groups);
    return !allowed;
  });
  return allowed;
}

Verdict Authorization::explain(const Identity& identity, Direction direction,
                               std::string_view topic) const {
  const GroupSet need = built_in_need(direction, topic, tables_->policy.service_side);
  const GroupSet groups = tables_->groups_of(identity);
  if (need != 0 && (need & groups) == 0) {
    Verdict verdict{false, to_names(need), ""};
    verdict.reason = group_denial(direction, topic, verdict.groups, identity);
    return verdict;
  }
  bool allowed = true;
  GroupSet helpful = 0;
  bool names_certificates = false;
  std::string nearest;
  std::string buffer;
  tables_->walk(direction, topic, buffer, [&](std::string_view entry, const Tables::Rule& rule) {
    allowed = Tables::admits(rule, identity, groups);
    if (nearest.empty()) nearest = entry;
    helpful |= rule.groups;
    names_certificates |= !rule.certificates.empty();
    return !allowed;
  });
  if (allowed) return {};
  Verdict verdict{false, to_names(helpful), ""};
  if (!verdict.groups.empty()) {
    verdict.reason = group_denial(direction, topic, verdict.groups, identity);
  } else if (names_certificates) {
    verdict.reason = fmt::format(
        "{} {} is allowed to certain certificates only by the policy entry for {}; {} is not "
        "listed",
        verb_of(direction), topic, nearest, describe(identity));
  } else {
    verdict.reason = fmt::format("{} {} is allowed to nobody by the policy entry for {}",
                                 verb_of(direction), topic, nearest);
  }
  return verdict;
}

}  // namespace tiara::fabric
