// The permission matrix: every built-in rule × every group × both directions × both profiles,
// generated from the one table below, which is extensions.md "Named groups" written down again.
#include <gtest/gtest.h>

#include <algorithm>

#include "fabric/authorization.hpp"

namespace tiara::fabric {
namespace {

constexpr Direction kSend = Direction::kSend, kReceive = Direction::kReceive;

struct Row {
  Direction direction;
  std::string topic;  // with a final '/': everything below
  std::string group;
  bool service_side;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {kSend, "/mcafee/service/tie/file/reputation/set", "TIE Server Set Enterprise Reputation",
       false},
      {kSend, "/mcafee/service/tie/cert/reputation/set", "TIE Server Set Enterprise Reputation",
       false},
      {kSend, "/mcafee/event/external/file/report", "TIE Server Set External Reputation", false},
      {kSend, "/mcafee/event/dxl/revocation/list", "Tiara Administrators", false},
      {kSend, "/mcafee/event/tie/", "TIE Server", true},
      {kReceive, "/mcafee/event/external/file/report", "TIE Server", true},
      {kReceive, "/mcafee/service/tie/", "TIE Server", true},
      {kReceive, "/opendxl-tiara/service/tie/", "TIE Server", true},
  };
  return rows;
}

const std::string kOwn = "a group of our own";

struct Client {
  std::string group;  // empty: a member of nothing
  Identity identity;
};

std::vector<Client> clients(Policy& policy) {
  std::vector<Client> all{{"", make_identity({{"nobody", ""}}, "", "u")}};
  policy.groups = {kOwn};
  std::vector<std::string> groups{kOwn};
  for (const std::string_view name : known_groups()) groups.emplace_back(name);
  for (const std::string& group : groups) {
    policy.members.push_back({group, {group, ""}, {group}});
    all.push_back({group, make_identity({{group, ""}}, "", "u")});
  }
  Identity in_process = make_identity({{"own service", ""}}, "", "u");
  in_process.in_process_service = true;
  all.push_back({"TIE Server", in_process});
  return all;
}

// At, below and beside what a rule covers.
std::vector<std::string> topics_around(const std::string& rule) {
  const std::string bare = rule.back() == '/' ? rule.substr(0, rule.size() - 1) : rule;
  return {bare, bare + "/", bare + "/x", bare + "/x/y", bare + "x", "/other" + bare};
}

const Row* find_row(Direction direction, const std::string& topic) {
  const auto at = std::find_if(table().begin(), table().end(), [&](const Row& row) {
    return row.direction == direction &&
           (row.topic.back() == '/' ? topic.rfind(row.topic, 0) == 0 : topic == row.topic);
  });
  return at == table().end() ? nullptr : &*at;
}

bool expected(const Row* row, const Client& client, Profile profile, bool service_side,
              Direction direction, const std::string& topic) {
  const bool in_group =
      row != nullptr && (client.group == row->group || client.group == "Tiara Administrators");
  const bool is_demanded = row != nullptr && (service_side || !row->service_side);
  if (profile == Profile::kOpen) return !is_demanded || in_group;
  const bool is_free = direction == kSend && (topic.rfind("/mcafee/client/", 0) == 0 ||
                                              topic.rfind("/mcafee/service/dxl/", 0) == 0);
  return in_group || is_free;
}

TEST(AuthorizationMatrix, TheTableIsTheOneInForce) {
  const auto rules = built_in_rules();
  ASSERT_EQ(rules.size(), table().size());
  for (const BuiltInRule& rule : rules) {
    const Row* row = find_row(rule.direction, std::string(rule.topic));
    ASSERT_NE(row, nullptr) << rule.topic;
    EXPECT_EQ(rule.topic, row->topic);
    EXPECT_EQ(rule.group, row->group);
    EXPECT_EQ(rule.service_side, row->service_side);
  }
}

// CVE-2026-95685 of MISP: an action was mapped to a permission that everybody had. What is in no
// row of the table is denied to nobody or to everybody, by the profile; all else follows from its
// row.
TEST(LearntFrom, CVE_2026_95685_EveryRuleForEveryGroupInBothDirectionsUnderBothProfiles) {
  std::vector<std::string> topics{"/free", "/mcafee/client/{1}",
                                  "/mcafee/service/dxl/svcregistry/register"};
  for (const Row& row : table())
    for (std::string& topic : topics_around(row.topic)) topics.push_back(std::move(topic));
  std::size_t decisions = 0;
  for (const Profile profile : {Profile::kOpen, Profile::kDeny})
    for (const bool service_side : {true, false}) {
      Policy policy{.service_side = service_side, .profile = profile};
      const std::vector<Client> all = clients(policy);
      const Authorization authorization(std::move(policy));
      for (const Direction direction : {kSend, kReceive})
        for (const std::string& topic : topics)
          for (const Client& client : all) {
            const Row* row = find_row(direction, topic);
            std::string buffer;
            EXPECT_EQ(authorization.allows(client.identity, direction, topic, buffer),
                      expected(row, client, profile, service_side, direction, topic))
                << (direction == kSend ? "send " : "receive ") << topic << " [" << client.group
                << "] deny " << (profile == Profile::kDeny) << " service " << service_side;
            const Verdict verdict = authorization.explain(client.identity, direction, topic);
            EXPECT_EQ(verdict.allowed,
                      expected(row, client, profile, service_side, direction, topic));
            EXPECT_EQ(verdict.reason.empty(), verdict.allowed) << topic;
            EXPECT_TRUE(verdict.allowed || !authorization.is_open(direction, topic, buffer));
            ++decisions;
          }
    }
  EXPECT_EQ(decisions, 2U * 2 * 2 * (3 + 6 * table().size()) * 8);
}

}  // namespace
}  // namespace tiara::fabric
