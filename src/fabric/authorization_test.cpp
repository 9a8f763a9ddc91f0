#include "fabric/authorization.hpp"

#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

Identity client(const std::string& name) {
  return make_identity({{"ca-sha1", "ca-sha256"}, {name + "-sha1", name + "-sha256"}}, "CN=" + name,
                       "uuid");
}

Member member(const std::string& name, std::vector<std::string> groups) {
  return {name, {name + "-sha1", name + "-sha256"}, std::move(groups)};
}

TopicRule send_rule(std::string topic, std::vector<std::string> certificates) {
  return {Direction::kSend, std::move(topic), std::move(certificates), {}};
}

bool allowed(const Authorization& authorization, const Identity& identity, Direction direction,
             std::string_view topic) {
  std::string buffer;
  const bool answer = authorization.allows(identity, direction, topic, buffer);
  EXPECT_EQ(authorization.explain(identity, direction, topic).allowed, answer) << topic;
  EXPECT_TRUE(answer || !authorization.is_open(direction, topic, buffer)) << topic;
  return answer;
}

TEST(Authorization, FollowsTheVerificationMatrixOfTheReference) {
  const Authorization authorization(
      {.rules = {send_rule("/s/one", {"c1-sha1"}), send_rule("/s/ca", {"ca-sha1"}),
                 send_rule("/s/none", {}), send_rule("/s/w/#", {"c1-sha1"}),
                 send_rule("/s/w/b/#", {}), send_rule("/s/n/#", {}),
                 send_rule("/s/n/open/#", {"c1-sha1"})}});
  const struct {
    const char* topic;
    bool c1, c2;
  } kCases[] = {
      {"/s/one", true, false},      {"/s/one/x", true, true},    {"/s/ca", true, true},
      {"/s/none", false, false},    {"/s/w/a", true, false},     {"/s/w/a/b/c", true, false},
      {"/s/w", true, true},         {"/s/w/b/c", true, false},   {"/s/n/x", false, false},
      {"/s/n/open/x", true, false}, {"/s/n/open", false, false}, {"/free", true, true},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(allowed(authorization, client("c1"), Direction::kSend, c.topic), c.c1) << c.topic;
    EXPECT_EQ(allowed(authorization, client("c2"), Direction::kSend, c.topic), c.c2) << c.topic;
    EXPECT_TRUE(allowed(authorization, client("c2"), Direction::kReceive, c.topic)) << c.topic;
  }
}

TEST(Authorization, LeavesTheServiceSideOpenWhenTheServiceIsElsewhere) {
  const Authorization authorization({.members = {}, .rules = {}, .service_side = false});
  EXPECT_TRUE(allowed(authorization, client("x"), Direction::kReceive,
                      "/mcafee/service/tie/file/reputation"));
  EXPECT_TRUE(
      allowed(authorization, client("x"), Direction::kSend, "/mcafee/event/tie/file/repchange"));
  EXPECT_FALSE(
      allowed(authorization, client("x"), Direction::kSend, "/mcafee/event/external/file/report"));
}

TEST(Authorization, NoBroaderPolicyEntryReEnablesWhatTheBuiltInLayerDenies) {
  const Authorization authorization({.rules = {send_rule("#", {"c1-sha1"})}});
  EXPECT_TRUE(allowed(authorization, client("c1"), Direction::kSend, "/anything"));
  EXPECT_FALSE(
      allowed(authorization, client("c1"), Direction::kSend, "/mcafee/event/external/file/report"));
}

TEST(Authorization, PolicyMayTightenWhatTheBuiltInLayerAllows) {
  const Authorization authorization({.members = {member("c1", {std::string(kGroupSetExternal)})},
                                     .rules = {send_rule("/mcafee/event/external/#", {})}});
  EXPECT_FALSE(
      allowed(authorization, client("c1"), Direction::kSend, "/mcafee/event/external/file/report"));
}

TEST(Authorization, MembershipComesFromAnyCertificateByEitherThumbprint) {
  const std::vector<std::string> kGroups{std::string(kGroupSetExternal)};
  for (const Thumbprints& listed : {Thumbprints{"ca-sha1", ""}, Thumbprints{"", "ca-sha256"},
                                    Thumbprints{"c1-sha1", ""}, Thumbprints{"", "c1-sha256"}}) {
    const Authorization authorization({.members = {{"x", listed, kGroups}}});
    EXPECT_TRUE(authorization.is_member(client("c1"), kGroupSetExternal))
        << listed.sha1 << listed.sha256;
    EXPECT_FALSE(authorization.is_member(client("c1"), kGroupSetEnterprise));
    EXPECT_FALSE(authorization.is_member(make_identity({}, "", "u"), kGroupSetExternal));
    EXPECT_FALSE(
        authorization.is_member(make_identity({{"other", ""}}, "", "u"), kGroupSetExternal));
  }
}

TEST(Authorization, UnitesEntriesOfTheSameTopic) {
  const Authorization authorization({.members = {member("c3", {std::string(kGroupTieServer)})},
                                     .rules = {send_rule("/t", {"c1-sha1"}),
                                               send_rule("/t", {"c2-sha256"}),
                                               {Direction::kSend, "/t", {}, {"TIE Server"}}}});
  for (const char* name : {"c1", "c2", "c3"})
    EXPECT_TRUE(allowed(authorization, client(name), Direction::kSend, "/t")) << name;
  EXPECT_FALSE(allowed(authorization, client("c4"), Direction::kSend, "/t"));
}

TEST(Authorization, ExplainsEachKindOfDenial) {
  const Authorization authorization(
      {.rules = {send_rule("/certs/#", {"c9-sha1"}),
                 send_rule("/nobody", {}),
                 {Direction::kReceive,
                  "/groups",
                  {"c9-sha1"},
                  {std::string(kGroupSetEnterprise), std::string(kGroupTieServer)}}}});
  const struct {
    Direction direction;
    const char* topic;
    std::vector<std::string> groups;
    const char* reason;
  } kCases[] = {
      {Direction::kSend,
       "/mcafee/event/external/file/report",
       {"TIE Server Set External Reputation"},
       "sending to /mcafee/event/external/file/report needs the group \"TIE Server Set External "
       "Reputation\"; certificate c1-sha1 (CN=c1) is in no such group"},
      {Direction::kSend,
       "/certs/a",
       {},
       "sending to /certs/a is allowed to certain certificates only by the policy entry for "
       "/certs/#; certificate c1-sha1 (CN=c1) is not listed"},
      {Direction::kSend,
       "/nobody",
       {},
       "sending to /nobody is allowed to nobody by the policy entry for /nobody"},
      {Direction::kReceive,
       "/groups",
       {"TIE Server Set Enterprise Reputation", "TIE Server"},
       "receiving from /groups needs one of the groups \"TIE Server Set Enterprise Reputation\", "
       "\"TIE Server\"; certificate c1-sha1 (CN=c1) is in no such group"},
  };
  for (const auto& c : kCases) {
    const Verdict verdict = authorization.explain(client("c1"), c.direction, c.topic);
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.groups, c.groups);
    EXPECT_EQ(verdict.reason, c.reason);
  }
  const Verdict fine = authorization.explain(client("c1"), Direction::kSend, "/free");
  EXPECT_TRUE(fine.allowed);
  EXPECT_EQ(fine.reason, "");
}

TEST(Authorization, KnowsItsGroupNames) {
  EXPECT_EQ(known_groups(),
            (std::vector<std::string_view>{
                "TIE Server Set Enterprise Reputation", "TIE Server Set External Reputation",
                "TIE Server Report Sandbox Reputation", "TIE Server", "Tiara Administrators"}));
  EXPECT_TRUE(is_known_group("TIE Server"));
  EXPECT_FALSE(is_known_group("tie server"));
}

}  // namespace
}  // namespace tiara::fabric
