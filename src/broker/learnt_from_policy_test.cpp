// What went wrong with others' files of rules (docs/security-lessons.md).
#include <gtest/gtest.h>

#include "broker/policy_file.hpp"
#include "broker/topicauth_file.hpp"

namespace tiara::broker {
namespace {

// CVE-2018-12550: an emptied file of rules allowed everything.
TEST(LearntFrom, CVE_2018_12550_AnEmptyPolicyIsAnErrorNotAnOpenDoor) {
  for (const char* text : {"", "\n", "# a comment\n", "\xEF\xBB\xBF# a comment\n"}) {
    const auto policy = parse_policy(text, "p");
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(policy.error().message.find("p: says nothing, so it is damaged"), 0U);
  }
  EXPECT_TRUE(parse_policy("profile = \"open\"\n", "p"));
  for (const char* text : {"", "\n", "// a comment\n", "/* */", "\xEF\xBB\xBF"})
    EXPECT_FALSE(parse_topicauth(text, "p")) << text;
}

// CVE-2018-12551: lines that were malformed let people in. Nothing is left of a file with a
// mistake.
TEST(LearntFrom, CVE_2018_12551_AMalformedPolicyIsAnErrorAsAWhole) {
  const std::string good = "[[topic]]\ndirection = \"send\"\ntopic = \"/t\"\n";
  ASSERT_TRUE(parse_policy(good, "p"));
  const std::string bad[] = {"]",
                             "x",
                             "profile",
                             "profile = ",
                             "profile = open",
                             "\"",
                             "[[topic]",
                             "[[topic]]",
                             "[[member]]",
                             "[topic]",
                             "topic = \"/t",
                             "\xff",
                             "x = \"\xed\xa0\x80\"",
                             "a = 1\na = 2",
                             "profile = \"\"",
                             "profile=[]",
                             "[[]]",
                             "member = {}",
                             "group = \"#\"",
                             "a.b.c = 1",
                             "\x01",
                             "# \x01\n:",
                             "[[topic]]\ntopic = [\"/t\"]\ndirection = \"send\""};
  for (const std::string& line : bad) {
    EXPECT_FALSE(parse_policy(line + "\n" + good, "p")) << line;
    EXPECT_FALSE(parse_policy(good + line, "p")) << line;
  }
  EXPECT_FALSE(parse_policy(good + std::string(1, '\0'), "p"));
  EXPECT_FALSE(parse_policy("x = " + std::string(100'000, '['), "p"));
  // Whatever a byte becomes, the rule is there or the file is an error.
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char byte : {'\0', '\n', '"', '[', '#', '=', '\xff', 'x'}) {
      std::string damaged = good;
      damaged[at] = byte;
      const auto policy = parse_policy(damaged, "p");
      EXPECT_TRUE(!policy || policy->rules.size() == 1) << damaged;
    }
}

}  // namespace
}  // namespace tiara::broker
