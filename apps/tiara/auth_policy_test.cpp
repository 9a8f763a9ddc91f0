#include "tiara/auth_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tiara::app {
namespace {

using fabric::Direction;
using testing::HasSubstr;
using testing::Not;

const std::string kExternal(fabric::kGroupSetExternal);
const std::string kA1(40, 'a'), kB1(40, 'b'), kA256(64, 'a');

fabric::Policy policy() {
  return {.members = {{"scanner", {kA1, kA256}, {kExternal}},
                      {"twin", {kB1, ""}, {}},
                      {"twin", {"", std::string(64, 'd')}, {}},
                      {"", {"", kA256}, {"order desk"}}},
          .rules = {{Direction::kSend, "/t/#", {kA1}, {"order desk"}},
                    {Direction::kReceive, "/u", {}, {}}},
          .groups = {"order desk"}};
}

TEST(AuthPolicy, UnknownGroupsAreRefusedWithTheKnown) {
  EXPECT_TRUE(check_group(policy(), kExternal));
  EXPECT_TRUE(check_group(policy(), "order desk"));
  const auto checked = check_group(policy(), "Admins");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, dxl::ErrorCode::kInvalidArgument);
  EXPECT_EQ(checked.error().message,
            "unknown group \"Admins\"; known are \"TIE Server Set Enterprise Reputation\", "
            "\"TIE Server Set External Reputation\", \"TIE Server Report Sandbox Reputation\", "
            "\"TIE Server\", \"Tiara Administrators\", \"order desk\"");
}

TEST(AuthPolicy, TheTablesNameEverythingAndItsFile) {
  broker::LoadedPolicy loaded{policy(), 1, {}};
  loaded.policy.members[0].name = "scan\x1bner";
  const std::string text =
      policy_text(loaded, loaded.policy.members, fabric::RevocationList({kB1}));
  EXPECT_THAT(text, HasSubstr("\ntwin (revoked)  " + kB1 + "\n"));  // without blanks at its end
  EXPECT_THAT(text, HasSubstr("Profile: open\n"));
  EXPECT_THAT(text, HasSubstr("order desk                            own       1\n"));
  EXPECT_THAT(text, HasSubstr("scan\\x1bner     " + kA256 + "  " + kExternal + "\n"));
  EXPECT_THAT(
      text, HasSubstr("send       /t/#   authorization.toml  group order desk, certificate " + kA1 +
                      "\n"));
  EXPECT_THAT(text, HasSubstr("receive    /u     topicauth.policy    nobody\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(AuthPolicy, GroupsCountAllMembersWhoeverIsShown) {
  const broker::LoadedPolicy loaded{policy(), 1, {}};
  const std::string text = policy_text(loaded, {loaded.policy.members[1]}, {});
  EXPECT_THAT(text, HasSubstr("order desk                            own       1\n"));
  EXPECT_THAT(text, Not(HasSubstr(kA256)));
}

TEST(AuthPolicy, TheJsonHoldsTheSame) {
  const auto json = nlohmann::json::parse(
      policy_json({policy(), 1, {}}, policy().members, fabric::RevocationList({kB1})));
  EXPECT_EQ(json["profile"], "open");
  EXPECT_EQ(json["groups"].size(), 6U);
  EXPECT_EQ(json["groups"][5], (nlohmann::json{{"name", "order desk"}, {"builtIn", false}}));
  EXPECT_EQ(json["members"][0]["sha1"], kA1);
  EXPECT_EQ(json["members"][0]["groups"][0], kExternal);
  EXPECT_EQ(json["rules"][0]["direction"], "send");
  EXPECT_EQ(json["rules"][0]["file"], "authorization.toml");
  EXPECT_EQ(json["rules"][1]["file"], "topicauth.policy");
  EXPECT_THAT(policy_json({{}, 0, {}}, {}, {}), HasSubstr("\"members\":[],\"rules\":[]"));
}

TEST(AuthPolicy, TheVerdictSaysWhatIsMissing) {
  const auto text = [](fabric::Verdict verdict) {
    return verdict_text({"sandbox", Direction::kSend, "/t", std::move(verdict)});
  };
  EXPECT_EQ(text({}), "client sandbox may send to /t");
  EXPECT_EQ(text({false, {"G"}, "long"}), "client sandbox may not send to /t: not in group \"G\"");
  EXPECT_EQ(text({false, {"G", "H"}, "long"}),
            "client sandbox may not send to /t: not in any of the groups \"G\", \"H\"");
  EXPECT_EQ(text({false, {}, "why"}), "client sandbox may not send to /t: why");
  EXPECT_EQ(verdict_json({"s", Direction::kReceive, "/t", {false, {"G"}, "why"}}),
            R"({"client":"s","direction":"receive","topic":"/t","allowed":false,"groups":["G"],)"
            R"("reason":"why"})");
}

}  // namespace
}  // namespace tiara::app
