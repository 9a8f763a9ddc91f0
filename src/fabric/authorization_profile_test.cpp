// The profile "deny", declared groups, and names that look like wildcards.
#include <gtest/gtest.h>

#include "fabric/authorization.hpp"

namespace tiara::fabric {
namespace {

constexpr Direction kSend = Direction::kSend, kReceive = Direction::kReceive;

Identity client(const std::string& name, const std::string& mqtt_id = "{me}") {
  Identity identity =
      make_identity({{"ca-sha1", "ca-sha256"}, {name + "-sha1", ""}}, "CN=" + name, "uuid");
  identity.reply_topic = "/mcafee/client/" + mqtt_id;
  return identity;
}

bool allowed(const Authorization& authorization, const Identity& identity, Direction direction,
             std::string_view topic) {
  std::string buffer;
  const bool answer = authorization.allows(identity, direction, topic, buffer);
  EXPECT_EQ(authorization.explain(identity, direction, topic).allowed, answer) << topic;
  EXPECT_FALSE(authorization.policy().profile == Profile::kDeny &&
               authorization.is_open(direction, topic, buffer));
  return answer;
}

TEST(AuthorizationProfile, DenyLeavesWhatEveryClientNeeds) {
  const Authorization authorization({.profile = Profile::kDeny});
  const struct {
    Direction direction;
    const char* topic;
    bool expected;
  } kCases[] = {
      {kSend, "/mcafee/client/{other}", true},
      {kSend, "/mcafee/service/dxl/svcregistry/register", true},
      {kSend, "/opendxl-tiara/service/fabric/authorization", true},
      {kReceive, "/mcafee/client/{me}", true},
      {kReceive, "/mcafee/client/{other}", false},
      {kReceive, "/mcafee/client/{me}/x", false},
      {kReceive, "/mcafee/service/dxl/svcregistry/register", false},
      {kReceive, "/mcafee/event/dxl/svcregistry/register", false},
      {kSend, "/mcafee/client", false},
      {kSend, "/free", false},
      {kReceive, "/free", false},
      {kSend, "/mcafee/service/tie/file/reputation", false},
  };
  for (const auto& c : kCases)
    EXPECT_EQ(allowed(authorization, client("a"), c.direction, c.topic), c.expected) << c.topic;
}

TEST(AuthorizationProfile, DenyLeavesNothingToAConnectionWithoutACertificate) {
  const Authorization authorization({.profile = Profile::kDeny});
  Identity anonymous = make_identity({}, "", "uuid");
  anonymous.reply_topic = "/mcafee/client/{me}";
  EXPECT_FALSE(allowed(authorization, anonymous, kReceive, "/mcafee/client/{me}"));
  EXPECT_FALSE(allowed(authorization, anonymous, kSend, "/mcafee/client/{me}"));
}

TEST(AuthorizationProfile, EntriesOpenTopicsUnderDeny) {
  const Authorization authorization(
      {.rules = {{kSend, "/orders/#", {"a-sha1"}, {}}, {kReceive, "/orders/new", {"ca-sha1"}, {}}},
       .profile = Profile::kDeny});
  EXPECT_TRUE(allowed(authorization, client("a"), kSend, "/orders/new"));
  EXPECT_FALSE(allowed(authorization, client("b"), kSend, "/orders/new"));
  EXPECT_FALSE(allowed(authorization, client("a"), kSend, "/orders"));
  EXPECT_TRUE(allowed(authorization, client("b"), kReceive, "/orders/new"));
  EXPECT_FALSE(allowed(authorization, client("b"), kReceive, "/orders/old"));
}

// A broad entry must not cut clients off from their answers; one as near as the profile's own may.
TEST(AuthorizationProfile, OnlyAnEntryAsNearTakesAwayWhatDenyLeaves) {
  const auto with = [](std::string topic) {
    return Authorization({.rules = {{kSend, topic, {"a-sha1"}, {}}, {kReceive, topic, {}, {}}},
                          .profile = Profile::kDeny});
  };
  const std::string_view register_topic = "/mcafee/service/dxl/svcregistry/register";
  for (const char* broad : {"#", "/#", "/mcafee/#"}) {
    EXPECT_TRUE(allowed(with(broad), client("b"), kSend, register_topic)) << broad;
    EXPECT_TRUE(allowed(with(broad), client("b"), kReceive, "/mcafee/client/{me}")) << broad;
    EXPECT_FALSE(allowed(with(broad), client("b"), kSend, "/mcafee/x")) << broad;
    EXPECT_TRUE(allowed(with(broad), client("a"), kSend, "/mcafee/x")) << broad;
  }
  for (const char* near : {"/mcafee/service/dxl/#", "/mcafee/service/dxl/svcregistry/#",
                           "/mcafee/service/dxl/svcregistry/register"}) {
    EXPECT_FALSE(allowed(with(near), client("b"), kSend, register_topic)) << near;
    EXPECT_TRUE(allowed(with(near), client("a"), kSend, register_topic)) << near;
  }
  EXPECT_FALSE(allowed(with("/mcafee/client/{me}"), client("b"), kReceive, "/mcafee/client/{me}"));
}

TEST(AuthorizationProfile, TheDenialNamesTheProfile) {
  const Authorization authorization({.profile = Profile::kDeny});
  EXPECT_EQ(authorization.explain(client("a"), kSend, "/free").reason,
            "sending to /free is allowed to nobody by the profile \"deny\": no policy entry speaks "
            "about it");
  EXPECT_EQ(authorization.explain(client("a"), kReceive, "/mcafee/client/{x}").reason,
            "receiving from /mcafee/client/{x} is left to the client whose reply topic it is by "
            "the profile \"deny\"");
  EXPECT_EQ(authorization.explain(client("a"), kSend, "/mcafee/event/external/file/report").groups,
            std::vector<std::string>{"TIE Server Set External Reputation"});
}

TEST(AuthorizationGroups, DeclaredOnesWorkLikeBuiltInOnes) {
  Policy policy;
  for (std::size_t i = 0; i < kMaxDeclaredGroups; ++i) {
    const std::string number = std::to_string(i);
    policy.groups.push_back("group " + number);
    policy.members.push_back({number, {number + "-sha1", ""}, {policy.groups.back()}});
    policy.rules.push_back({kSend, "/t/" + number, {}, {policy.groups.back()}});
  }
  policy.members.push_back({"admin", {"admin-sha1", ""}, {std::string(kGroupAdministrators)}});
  const Authorization authorization(policy);
  for (std::size_t i = 0; i < kMaxDeclaredGroups; ++i) {
    const std::string topic = "/t/" + std::to_string(i);
    const Identity own = client(std::to_string(i)), next = client(std::to_string(i + 1));
    EXPECT_TRUE(allowed(authorization, own, kSend, topic)) << topic;
    EXPECT_FALSE(allowed(authorization, next, kSend, topic)) << topic;
    EXPECT_TRUE(allowed(authorization, client("admin"), kSend, topic)) << topic;
    EXPECT_TRUE(authorization.is_member(own, policy.groups[i]));
    EXPECT_FALSE(authorization.is_member(own, kGroupSetEnterprise));
    EXPECT_EQ(authorization.explain(next, kSend, topic).groups, std::vector{policy.groups[i]});
  }
}

TEST(AuthorizationGroups, AnUnknownGroupAdmitsNobody) {
  const Authorization authorization(
      {.members = {{"a", {"a-sha1", ""}, {"no such"}}}, .rules = {{kSend, "/t", {}, {"no such"}}}});
  EXPECT_FALSE(allowed(authorization, client("a"), kSend, "/t"));
  EXPECT_FALSE(authorization.is_member(client("a"), "no such"));
}

// CVE-2017-7650 of another broker: a name made of wildcards matched everybody's rules.
TEST(LearntFrom, CVE_2017_7650_AnIdentityWithWildcardCharactersMatchesNothing) {
  for (const char* name : {"#", "+", "/#", "a/#", "+/+"}) {
    const Authorization authorization(
        {.members = {{"#", {"other-sha1", ""}, {std::string(kGroupSetExternal)}}},
         .rules = {{kSend, "/t/#", {"other-sha1"}, {}}},
         .profile = Profile::kDeny});
    const Identity hostile = client(name, name);
    EXPECT_FALSE(allowed(authorization, hostile, kSend, "/t/x")) << name;
    EXPECT_FALSE(allowed(authorization, hostile, kSend, "/mcafee/event/external/file/report"));
    for (const char* topic : {"/mcafee/client/{other}", "/mcafee/client/", "/mcafee/client/a/b"})
      EXPECT_FALSE(allowed(authorization, hostile, kReceive, topic)) << name;
  }
}

}  // namespace
}  // namespace tiara::fabric
