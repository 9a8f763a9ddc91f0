#include "fabric/authorization.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text_map.hpp"
#include "dxl/topic.hpp"

namespace tiara::fabric {
namespace {

// One bit for each group: the built-in ones in the order of known_groups(), then those that the
// policy declares.
using GroupSet = std::uint64_t;
constexpr GroupSet kEveryGroup = ~GroupSet{0};
constexpr std::size_t kNoGroup = 64;

constexpr GroupSet bit(std::size_t index) {
  return index < kNoGroup ? GroupSet{1} << index : GroupSet{0};
}

GroupSet built_in_bit(std::string_view group) {
  const auto& names = known_groups();
  return bit(
      static_cast<std::size_t>(std::find(names.begin(), names.end(), group) - names.begin()));
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

std::string_view to_string(Profile profile) { return profile == Profile::kDeny ? "deny" : "open"; }

bool is_known_group(const Policy& policy, std::string_view name) {
  return is_known_group(name) ||
         std::find(policy.groups.begin(), policy.groups.end(), name) != policy.groups.end();
}

std::string list_groups(const Policy& policy) {
  std::string list;
  const auto add = [&list](std::string_view name) {
    list.append(list.empty() ? "\"" : ", \"").append(name).append("\"");
  };
  for (const std::string_view name : known_groups()) add(name);
  for (const std::string& name : policy.groups) add(name);
  return list;
}

struct Authorization::Decision {
  bool allowed = true;
  enum class By : std::uint8_t { kNothing, kBuiltIn, kEntry, kProfile } by = By::kNothing;
  // Of a denial:
  GroupSet helpful = 0;             // any of which would allow it
  bool names_certificates = false;  // an entry admits certificates
  std::string_view nearest{};       // the first entry that speaks about the topic; into the tables
};

struct Authorization::Tables {
  struct Rule {
    base::TextSet certificates;
    GroupSet groups = 0;
  };
  struct BuiltIn {
    std::string_view topic;
    GroupSet group = 0;
    bool demanded = true;
  };

  explicit Tables(Policy given) : policy(std::move(given)) {
    for (const std::string_view name : known_groups()) groups.emplace_back(name);
    for (const std::string& name : policy.groups)
      if (groups.size() < kNoGroup && bit_of(name) == 0) groups.push_back(name);
    for (const BuiltInRule& rule : built_in_rules())
      built_in[static_cast<std::size_t>(rule.direction)].push_back(
          {rule.topic, bit_of(rule.group), policy.service_side || !rule.service_side});
    for (const Member& member : policy.members) {
      const GroupSet set = to_set(member.groups);
      if (!member.certificate.sha1.empty()) memberships[member.certificate.sha1] |= set;
      if (!member.certificate.sha256.empty()) memberships[member.certificate.sha256] |= set;
    }
    for (const TopicRule& entry : policy.rules) {
      Rule& rule = rules[static_cast<std::size_t>(entry.direction)][entry.topic];
      rule.groups |= to_set(entry.groups);
      for (const std::string& certificate : entry.certificates)
        if (!certificate.empty()) rule.certificates.insert(certificate);
    }
  }

  GroupSet bit_of(std::string_view group) const {
    const auto at = std::find(groups.begin(), groups.end(), group);
    return at == groups.end() ? 0 : bit(static_cast<std::size_t>(at - groups.begin()));
  }

  GroupSet to_set(const std::vector<std::string>& names) const {
    GroupSet set = 0;
    for (const std::string& name : names) set |= bit_of(name);
    return set;
  }

  std::vector<std::string> to_names(GroupSet set) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < groups.size(); ++i)
      if ((set & bit(i)) != 0) names.push_back(groups[i]);
    return names;
  }

  GroupSet groups_of(const Identity& identity) const {
    static const GroupSet tie_server = built_in_bit(kGroupTieServer);
    static const GroupSet administrators = built_in_bit(kGroupAdministrators);
    GroupSet set = identity.in_process_service ? tie_server : GroupSet{0};
    for (const Thumbprints& certificate : identity.chain)
      for (const std::string* thumbprint : {&certificate.sha1, &certificate.sha256})
        if (const auto at = memberships.find(*thumbprint); at != memberships.end())
          set |= at->second;
    return (set & administrators) != 0 ? kEveryGroup : set;
  }

  // The built-in rule about `topic`, demanded or not; at most one is.
  const BuiltIn* find_built_in(Direction direction, std::string_view topic) const {
    for (const BuiltIn& rule : built_in[static_cast<std::size_t>(direction)])
      if (covers(rule.topic, topic)) return &rule;
    return nullptr;
  }

  // How long the topic of the entry would be that the profile "deny" implies for this client: 0 if
  // there is none.
  static std::size_t implied(const BuiltIn* built_in_rule, const Identity& identity,
                             GroupSet groups, Direction direction, std::string_view topic) {
    if (identity.chain.empty() && !identity.in_process_service) return 0;
    const auto length = [](std::string_view rule) { return rule.size() + (rule.back() == '/'); };
    if (built_in_rule != nullptr && (built_in_rule->group & groups) != 0)
      return length(built_in_rule->topic);
    if (direction == Direction::kReceive)
      return !topic.empty() && topic == identity.reply_topic ? topic.size() : 0;
    for (const std::string_view open : open_under_deny())
      if (covers(open, topic)) return length(open);
    return 0;
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
  std::vector<std::string> groups;  // a group's bit is its place
  std::array<std::vector<BuiltIn>, 2> built_in;
  base::TextMap<GroupSet> memberships;  // by either thumbprint
  std::array<base::TextMap<Rule>, 2> rules;
};

Authorization::Authorization(Policy policy)
    : tables_(std::make_shared<const Tables>(std::move(policy))) {}

const Policy& Authorization::policy() const { return tables_->policy; }

bool Authorization::is_member(const Identity& identity, std::string_view group) const {
  return (tables_->groups_of(identity) & tables_->bit_of(group)) != 0;
}

bool Authorization::is_open(Direction direction, std::string_view topic,
                            std::string& buffer) const {
  if (tables_->policy.profile == Profile::kDeny) return false;
  const Tables::BuiltIn* rule = tables_->find_built_in(direction, topic);
  bool open = rule == nullptr || !rule->demanded;
  tables_->walk(direction, topic, buffer, [&open](std::string_view, const Tables::Rule&) {
    open = false;
    return false;
  });
  return open;
}

Authorization::Decision Authorization::decide(const Identity& identity, Direction direction,
                                              std::string_view topic, std::string& buffer) const {
  using By = Decision::By;
  const Tables& tables = *tables_;
  const bool deny = tables.policy.profile == Profile::kDeny;
  const Tables::BuiltIn* built_in = tables.find_built_in(direction, topic);
  const bool demanded = built_in != nullptr && built_in->demanded;
  if (!demanded && !deny && tables.rules[static_cast<std::size_t>(direction)].empty()) return {};
  const GroupSet groups = tables.groups_of(identity);
  if (demanded && (built_in->group & groups) == 0)
    return {.allowed = false, .by = By::kBuiltIn, .helpful = built_in->group};

  Decision decision;
  tables.walk(direction, topic, buffer, [&](std::string_view entry, const Tables::Rule& rule) {
    decision.allowed = Tables::admits(rule, identity, groups);
    decision.by = By::kEntry;
    if (decision.nearest.empty()) decision.nearest = entry;
    decision.helpful |= rule.groups;
    decision.names_certificates |= !rule.certificates.empty();
    return !decision.allowed;
  });
  const bool admitted = decision.by == By::kEntry && decision.allowed;
  if (!deny || admitted) return decision;
  decision.allowed =
      Tables::implied(built_in, identity, groups, direction, topic) > decision.nearest.size();
  if (decision.by == By::kNothing) {
    decision.by = By::kProfile;
    if (built_in != nullptr) decision.helpful = built_in->group;
  }
  return decision;
}

bool Authorization::allows(const Identity& identity, Direction direction, std::string_view topic,
                           std::string& buffer) const {
  return decide(identity, direction, topic, buffer).allowed;
}

Verdict Authorization::explain(const Identity& identity, Direction direction,
                               std::string_view topic) const {
  std::string buffer;
  const Decision decision = decide(identity, direction, topic, buffer);
  if (decision.allowed) return {};
  Verdict verdict{false, tables_->to_names(decision.helpful), ""};
  if (!verdict.groups.empty()) {
    verdict.reason = group_denial(direction, topic, verdict.groups, identity);
  } else if (decision.names_certificates) {
    verdict.reason = fmt::format(
        "{} {} is allowed to certain certificates only by the policy entry for {}; {} is not "
        "listed",
        verb_of(direction), topic, decision.nearest, describe(identity));
  } else if (decision.by == Decision::By::kEntry) {
    verdict.reason = fmt::format("{} {} is allowed to nobody by the policy entry for {}",
                                 verb_of(direction), topic, decision.nearest);
  } else if (direction == Direction::kReceive && topic.starts_with(dxl::kClientTopicPrefix)) {
    verdict.reason = fmt::format(
        "receiving from {} is left to the client whose reply topic it is by the profile \"deny\"",
        topic);
  } else {
    verdict.reason = fmt::format(
        "{} {} is allowed to nobody by the profile \"deny\": no policy entry speaks about it",
        verb_of(direction), topic);
  }
  return verdict;
}

}  // namespace tiara::fabric
