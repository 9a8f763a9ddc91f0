#include "broker/policy_succession.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/policy_file.hpp"
#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using fabric::Thumbprints;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kOld1(40, 'a'), kOld256(64, 'a'), kNew1(40, 'b'), kNew256(64, 'b');
const std::string kOther1(40, 'c');
const Thumbprints kOld{kOld1, kOld256}, kNow{kNew1, kNew256};

std::string quoted(const std::string& text) { return '"' + text + '"'; }

class PolicySuccession : public testing::Test {
 protected:
  void write(const std::string& text) { ASSERT_TRUE(write_file_atomically(file, text)); }
  std::string text() const { return *read_file(file); }
  std::vector<std::string> add() {
    const auto added = add_successor(file, kOld, kNow);
    EXPECT_TRUE(added) << added.error().message;
    return added ? *added : std::vector<std::string>();
  }
  void retire() {
    const auto done = retire_certificate(file, kOld, kNow);
    EXPECT_TRUE(done) << done.error().message;
  }

  TemporaryDirectory directory_;
  const std::filesystem::path file = directory_.path() / "authorization.toml";
};

TEST_F(PolicySuccession, AThumbprintComesBehindEachAndTheOldOneGoes) {
  struct Case {
    std::string before, during, after;
  };
  const std::string old256 = quoted(kOld256), new256 = quoted(kNew256), other = quoted(kOther1);
  const Case cases[] = {
      {"[" + old256 + "]", "[" + old256 + ", " + new256 + "]", "[" + new256 + "]"},
      {"[" + quoted(kOld1) + "]", "[" + quoted(kOld1) + ", " + quoted(kNew1) + "]",
       "[" + quoted(kNew1) + "]"},
      {"[" + other + ", '" + std::string(64, 'A') + "']  # keep",
       "[" + other + ", '" + std::string(64, 'A') + "', " + new256 + "]  # keep",
       "[" + other + ", " + new256 + "]  # keep"},
      {"[\n  " + old256 + ",  # the CA \"" + kOld256 + "\"\n  " + other + "\n]",
       "[\n  " + old256 + ", " + new256 + ",  # the CA \"" + kOld256 + "\"\n  " + other + "\n]",
       "[\n  " + new256 + ",  # the CA \"" + kOld256 + "\"\n  " + other + "\n]"},
      {"[" + quoted(kOld1) + ", " + old256 + "]",
       "[" + quoted(kOld1) + ", " + quoted(kNew1) + ", " + old256 + ", " + new256 + "]",
       "[" + quoted(kNew1) + ", " + new256 + "]"},
      {"[" + other + "]", "[" + other + "]", "[" + other + "]"}};
  const std::string head =
      "# first\n[[topic]]\ndirection = \"send\"\ntopic = \"/t\"\ncertificates = ";
  const std::string tail = "\ngroups = [\"TIE Server\"] # " + kOld256 + "\n# last";
  for (const Case& each : cases) {
    write(head + each.before + tail);
    const bool is_named = each.before != each.during;
    EXPECT_THAT(add(), is_named ? testing::Matcher<std::vector<std::string>>(ElementsAre("send /t"))
                                : IsEmpty());
    EXPECT_EQ(text(), head + each.during + tail);
    EXPECT_THAT(add(), IsEmpty());
    EXPECT_EQ(text(), head + each.during + tail);
    retire();
    EXPECT_EQ(text(), head + each.after + tail);
    retire();
    EXPECT_EQ(text(), head + each.after + tail);
  }
}

TEST_F(PolicySuccession, TheOldOneStaysInARuleThatDoesNotNameTheNew) {
  const std::string rule =
      "[[topic]]\ndirection = \"receive\"\ntopic = \"/t/#\"\ncertificates = [\"" + kOld1 + "\"]\n";
  write(rule);
  EXPECT_THAT(find_without_successor(*load_policy(file), kOld, kNow), ElementsAre("receive /t/#"));
  retire();
  EXPECT_EQ(text(), rule);
  add();
  EXPECT_THAT(find_without_successor(*load_policy(file), kOld, kNow), IsEmpty());
}

TEST_F(PolicySuccession, EachMemberGetsOneOfTheSameGroups) {
  const std::string one = "[[member]]\nname = \"all\"\nsha256 = \"" + kOld256 +
                          "\"\ngroups = [\"TIE Server\"]  # why\n";
  const std::string two = "\n[[member]]\nsha1 = \"" + kOld1 + "\"\ngroups = []\n";
  const std::string rest = "\n[[member]]\nname = \"x\"\nsha1 = \"" + kOther1 + "\"\ngroups = []\n";
  write(one + two + rest);
  EXPECT_THAT(add(), ElementsAre("member all", "member " + kOld1));
  EXPECT_THAT(add(), IsEmpty());
  const auto during = load_policy(file);
  ASSERT_TRUE(during);
  ASSERT_EQ(during->members.size(), 5U);
  EXPECT_EQ(during->members[1].certificate, (Thumbprints{"", kNew256}));
  EXPECT_EQ(during->members[1].groups, std::vector<std::string>{"TIE Server"});
  EXPECT_EQ(during->members[3].certificate, (Thumbprints{kNew1, ""}));
  retire();
  const auto after = load_policy(file);
  ASSERT_TRUE(after);
  ASSERT_EQ(after->members.size(), 3U);
  EXPECT_EQ(after->members[0].name, "all");
  EXPECT_EQ(after->members[0].certificate.sha256, kNew256);
  EXPECT_TRUE(after->members[1].groups.empty());
  EXPECT_THAT(text(), HasSubstr(rest));
}

// Somebody has put it there, with groups of his choice.
TEST_F(PolicySuccession, AMemberThatIsThereStaysAsItIs) {
  const std::string whole = "[[member]]\nsha1 = \"" + kOld1 + "\"\ngroups = [\"TIE Server\"]\n" +
                            "[[member]]\nsha1 = \"" + kNew1 + "\"\ngroups = []\n";
  write(whole);
  EXPECT_THAT(add(), IsEmpty());
  EXPECT_EQ(text(), whole);
}

TEST_F(PolicySuccession, WhatCannotBeEditedIsRefusedAndStays) {
  const std::string inline_members = "member = [{sha1 = \"" + kOld1 + "\", groups = []}]\n";
  write(inline_members);
  const auto checked = check_successor(file, kOld);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_THAT(checked.error().message, HasSubstr("cannot edit this file"));
  EXPECT_FALSE(add_successor(file, kOld, kNow));
  EXPECT_EQ(text(), inline_members);
  EXPECT_TRUE(check_successor(file, kNow));  // is not named
}

}  // namespace
}  // namespace tiara::broker
