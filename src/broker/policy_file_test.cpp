#include "broker/policy_file.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using fabric::Member;
using fabric::Thumbprints;

const std::string kSha1(40, 'a');
const std::string kSha256(64, 'b');
const std::string kExternal(fabric::kGroupSetExternal);
const std::string kEnterprise(fabric::kGroupSetEnterprise);

std::string describe(const Member& member) {
  std::string text = member.name + " " + member.certificate.sha1 + "/" + member.certificate.sha256;
  for (const std::string& group : member.groups) text += " [" + group + "]";
  return text;
}

std::vector<std::string> describe(const std::vector<Member>& members) {
  std::vector<std::string> texts;
  for (const Member& member : members) texts.push_back(describe(member));
  return texts;
}

Member numbered_member(unsigned number) {
  return {fmt::format("client {}", number),
          Thumbprints{fmt::format("{:040x}", number), fmt::format("{:064x}", number)},
          {kExternal}};
}

TEST(PolicyFile, AnEditGoesThroughALink) {
  const TemporaryDirectory state, elsewhere;
  const auto file = elsewhere.path() / "real", link = state.path() / "authorization.toml";
  ASSERT_TRUE(write_file_atomically(file, initial_policy_text()));
  std::filesystem::create_symlink(file, link);
  ASSERT_TRUE(add_member(link, numbered_member(1)));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(load_policy(file)->members.size(), 1u);
}

TEST(PolicyFile, ReadsMembersAndTopicRules) {
  const auto policy =
      parse_policy("[[member]]\nname = \"scanner\"\nsha256 = \"" + std::string(64, 'B') +
                       "\"\ngroups = [\"TIE Server Set External Reputation\"]\n"
                       "[[topic]]\ndirection = \"receive\"\ntopic = \"/a/#\"\ncertificates = [\"" +
                       kSha1 + "\"]\ngroups = [\"TIE Server\"]\n",
                   "p");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(describe(policy->members),
            (std::vector{"scanner /" + kSha256 + " [" + kExternal + "]"}));
  ASSERT_EQ(policy->rules.size(), 1u);
  const fabric::TopicRule& rule = policy->rules[0];
  EXPECT_EQ(rule.direction, fabric::Direction::kReceive);
  EXPECT_EQ(rule.topic, "/a/#");
  EXPECT_EQ(rule.certificates, std::vector{kSha1});
  EXPECT_EQ(rule.groups, std::vector<std::string>{"TIE Server"});
}

TEST(PolicyFile, ReadsTheProfileAndDeclaredGroupsWhereverTheyStand) {
  const auto policy = parse_policy("profile = \"deny\"\n[[member]]\nsha1 = \"" + kSha1 +
                                       "\"\ngroups = [\"order desk\"]\n[[topic]]\n"
                                       "direction = \"send\"\ntopic = \"#\"\n"
                                       "groups = [\"order desk\", \"TIE Server\"]\n"
                                       "[[group]]\nname = \"order desk\"\n",
                                   "p");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->profile, fabric::Profile::kDeny);
  EXPECT_EQ(policy->groups, std::vector<std::string>{"order desk"});
  EXPECT_EQ(policy->members.at(0).groups, std::vector<std::string>{"order desk"});
  EXPECT_EQ(policy->rules.at(0).topic, "#");
}

TEST(PolicyFile, TakesSoManyGroupsAndNoMore) {
  std::string text;
  for (std::size_t i = 0; i < fabric::kMaxDeclaredGroups; ++i)
    text += fmt::format("[[group]]\nname = \"{}\"\n", i);
  EXPECT_TRUE(parse_policy(text, "p"));
  const auto policy = parse_policy(text + "[[group]]\nname = \"more\"\n", "p");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().message,
            fmt::format("p:{0}: more than {1} [[group]] blocks", 2 * fabric::kMaxDeclaredGroups + 1,
                        fabric::kMaxDeclaredGroups));
}

TEST(PolicyFile, InitialTextIsAnOpenPolicyWithoutMembers) {
  const auto policy = parse_policy(initial_policy_text(), "p");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_TRUE(policy->members.empty());
  EXPECT_TRUE(policy->rules.empty());
  EXPECT_TRUE(policy->groups.empty());
  EXPECT_EQ(policy->profile, fabric::Profile::kOpen);
}

TEST(PolicyFile, NamesFileLineAndWhatIsWrong) {
  const std::string known =
      "known are \"TIE Server Set Enterprise Reputation\", \"TIE Server Set External Reputation\", "
      "\"TIE Server Report Sandbox Reputation\", "
      "\"TIE Server\", \"Tiara Administrators\"";
  const std::pair<std::string, std::string> cases[] = {
      {"members = 1",
       "p:1: unknown key members; known are profile, [[group]], [[member]], [[topic]]"},
      {"profile = \"closed\"", "p:1: profile: expected \"open\" or \"deny\""},
      {"[profile]", "p:1: profile: expected \"open\" or \"deny\""},
      {"group = 1", "p:1: expected [[group]] blocks"},
      {"[[group]]\n", "p:1: [[group]] needs name"},
      {"[[group]]\nname = \"\"\n", "p:2: name: expected a string that is not empty"},
      {"[[group]]\nname = \"a\\nb\"\n",
       "p:2: name: expected up to 128 bytes without control characters"},
      {"[[group]]\nname = \"" + std::string(129, 'x') + "\"\n",
       "p:2: name: expected up to 128 bytes without control characters"},
      {"[[group]]\nname = \"TIE Server\"\n", "p:2: name: \"TIE Server\" is built in"},
      {"[[group]]\nname = \"a\"\n[[group]]\nname = \"a\"\n", "p:4: name: \"a\" is declared twice"},
      {"[[topic]]\ntopic = \"/t\"\ndirection = \"send\"\ngroups = [\"b\"]\n[[group]]\nname = "
       "\"a\"\n",
       "p:4: groups: unknown group \"b\"; " + known + ", \"a\""},
      {"member = 1", "p:1: expected [[member]] blocks"},
      {"member = [1]", "p:1: expected [[member]] blocks"},
      {"[[member]]\nname = \"x\"\n", "p:1: [[member]] needs sha1 or sha256"},
      {"[[member]]\nname = 1\n", "p:2: name: expected a string that is not empty"},
      {"[[member]]\nsha = \"x\"\n",
       "p:2: unknown key sha in [[member]]; known are name, sha1, sha256, groups"},
      {"[[member]]\nsha1 = \"abc\"\n", "p:2: sha1: expected 40 hexadecimal digits"},
      {"[[member]]\nsha256 = \"" + std::string(64, 'x') + "\"\n",
       "p:2: sha256: expected 64 hexadecimal digits"},
      {"[[member]]\nsha1 = \"" + kSha1 + "\"\ngroups = [\"Admins\"]\n",
       "p:3: groups: unknown group \"Admins\"; " + known},
      {"[[member]]\nsha1 = \"" + kSha1 + "\"\ngroups = \"x\"\n",
       "p:3: groups: expected an array of group names"},
      {"[[topic]]\ntopic = \"/a\"\n", "p:1: [[topic]] needs topic and direction"},
      {"[[topic]]\ndirection = \"both\"\n", "p:2: direction: expected \"send\" or \"receive\""},
      {"[[topic]]\ntopic = \"/a/+/b\"\n",
       "p:2: topic: a wildcard may only be `#` alone or `/#` at the end"},
      {"[[topic]]\ntopic = \"/#/a\"\n",
       "p:2: topic: a wildcard may only be `#` alone or `/#` at the end"},
      {"[[topic]]\ncertificates = [\"ab\"]\n",
       "p:2: certificates: expected 40 or 64 hexadecimal digits"},
  };
  for (const auto& [text, message] : cases) {
    const auto policy = parse_policy(text, "p");
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(policy.error().message, message);
  }
}

TEST(PolicyFile, AMissingFileIsAnError) {
  const auto policy = load_policy("/nonexistent/authorization.toml");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, dxl::ErrorCode::kConfiguration);
}

class AddMember : public testing::Test {
 protected:
  void write(const std::string& text) { ASSERT_TRUE(write_file_atomically(file_, text)); }
  std::string text() const { return *read_file(file_); }

  TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "authorization.toml";
};

TEST_F(AddMember, AppendsAndKeepsEverythingElse) {
  write("# first\n\n[[topic]]  # a rule\ndirection = \"send\"\ntopic = \"/a\"\n# last");
  const Member member{"odd \"name\" \\ ü", {kSha1, kSha256}, {kExternal, kEnterprise}};
  ASSERT_TRUE(add_member(file_, member));
  EXPECT_EQ(text(),
            "# first\n\n[[topic]]  # a rule\ndirection = \"send\"\ntopic = \"/a\"\n# last\n\n"
            "[[member]]\nname = \"odd \\\"name\\\" \\\\ ü\"\nsha1 = \"" +
                kSha1 + "\"\nsha256 = \"" + kSha256 + "\"\ngroups = [\"" + kExternal + "\", \"" +
                kEnterprise + "\"]\n");
  EXPECT_EQ(describe(load_policy(file_)->members), std::vector{describe(member)});
  EXPECT_EQ(mode_of(file_), 0600u);
}

TEST_F(AddMember, ReplacesTheBlocksOfTheSameCertificate) {
  const std::string other =
      "[[member]]\nname = \"other\"\nsha1 = \"" + std::string(40, 'c') + "\"\n";
  write("# head\n[[member]]\nname = \"old\"\n# inside\nsha1 = \"" + kSha1 +
        "\"\ngroups = [\n  \"TIE Server\",\n]\n# between\n" + other +
        "# again\n[[member]]\nsha1 = \"" + kSha1 + "\"\n# end\n");
  ASSERT_TRUE(add_member(file_, {"new", {kSha1, ""}, {}}));
  EXPECT_EQ(text(), "# head\n[[member]]\nname = \"new\"\nsha1 = \"" + kSha1 +
                        "\"\ngroups = []\n# between\n" + other + "# again\n# end\n");
}

TEST_F(AddMember, RemovesByCertificate) {
  write("profile = \"deny\"\n");
  ASSERT_TRUE(add_member(file_, numbered_member(1)));
  ASSERT_TRUE(add_member(file_, numbered_member(2)));
  ASSERT_TRUE(remove_member(file_, numbered_member(1).certificate));
  EXPECT_EQ(describe(load_policy(file_)->members), std::vector{describe(numbered_member(2))});
  const std::string before = text();
  ASSERT_TRUE(remove_member(file_, numbered_member(1).certificate));
  EXPECT_EQ(text(), before);
}

TEST_F(AddMember, LeavesAFileAloneThatItCannotEdit) {
  for (const std::string& text_before :
       {"member = [{sha1 = \"" + kSha1 + "\"}]\n", std::string("[[member]\n"),
        std::string("[[member]]\nsha1 = \"short\"\n"), std::string("# emptied\n")}) {
    write(text_before);
    const auto added = add_member(file_, numbered_member(1));
    ASSERT_FALSE(added) << text_before;
    EXPECT_EQ(added.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(text(), text_before);
  }
}

TEST_F(AddMember, UnderThePolicyLockLosesNobody) {
  write(initial_policy_text());
  constexpr unsigned kThreads = 4, kEach = 8;
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([this, thread] {
      for (unsigned i = 0; i < kEach; ++i) {
        const auto lock = FileLock::acquire(directory_.path() / "authorization.lock");
        EXPECT_TRUE(lock && add_member(file_, numbered_member(thread * kEach + i)));
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> found = describe(load_policy(file_)->members), expected;
  for (unsigned i = 0; i < kThreads * kEach; ++i) expected.push_back(describe(numbered_member(i)));
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace tiara::broker
