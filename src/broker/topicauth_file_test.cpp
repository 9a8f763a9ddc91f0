#include "broker/topicauth_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/policy_file.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using fabric::Direction;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kC1(40, '1'), kC2(40, '2'), kCa(40, 'c');

// The published verification matrix of the reference (§6.1), as an original file.
std::string matrix_file() {
  std::string text = R"(// the published matrix
{
  /* send only;
     receive is open */
  "send": [
    {"topic": "/s/one", "clients": ["C1"]},
    {"topic": "/s/ca", "clients": ["CA"]},  // everybody it signed
    {"topic": "/s/none", "clients": []},
    {"clients": ["C1"], "topic": "/s/w/#"},
    {"topic": "/s/w/b/#", "clients": []},
    {"topic": "/s/n/#", "clients": []},
    {"topic": "/s/n/open/#", "clients": ["C1"]}
  ],
  "receive": []
}
)";
  for (const auto& [name, thumbprint] : {std::pair("\"C1\"", kC1), std::pair("\"CA\"", kCa)})
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name))
      text.replace(at, 4, "\"" + thumbprint + "\"");
  return text;
}

fabric::Identity client(const std::string& sha1) {
  return fabric::make_identity({{kCa, ""}, {sha1, ""}}, "CN=x", "uuid");
}

TEST(TopicAuthFile, FollowsThePublishedVerificationMatrix) {
  auto file = parse_topicauth(matrix_file(), "topicauth.policy");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(file->warnings, ElementsAre());
  const fabric::Authorization authorization({.rules = std::move(file->rules)});
  const struct {
    const char* topic;
    bool c1, c2;
  } kCases[] = {
      {"/s/one", true, false},      {"/s/one/x", true, true},    {"/s/ca", true, true},
      {"/s/none", false, false},    {"/s/w/a", true, false},     {"/s/w/a/b/c", true, false},
      {"/s/w", true, true},         {"/s/w/b/c", true, false},   {"/s/n/x", false, false},
      {"/s/n/open/x", true, false}, {"/s/n/open", false, false}, {"/free", true, true},
  };
  std::string buffer;
  for (const auto& c : kCases) {
    EXPECT_EQ(authorization.allows(client(kC1), Direction::kSend, c.topic, buffer), c.c1)
        << c.topic;
    EXPECT_EQ(authorization.allows(client(kC2), Direction::kSend, c.topic, buffer), c.c2)
        << c.topic;
    EXPECT_TRUE(authorization.allows(client(kC2), Direction::kReceive, c.topic, buffer)) << c.topic;
  }
}

TEST(TopicAuthFile, BothListsMayBeMissing) {
  EXPECT_TRUE(parse_topicauth("{}", "p")->rules.empty());
  const auto file = parse_topicauth(R"({"receive":[{"topic":"/r","clients":[]}]})", "p");
  ASSERT_TRUE(file);
  ASSERT_EQ(file->rules.size(), 1U);
  EXPECT_EQ(file->rules[0].direction, Direction::kReceive);
  EXPECT_EQ(file->rules[0].topic, "/r");
}

TEST(TopicAuthFile, WarnsOfWhatCanNeverMatchAndRestrictsAllTheSame) {
  const std::string upper(40, 'A'), sha256(64, 'a');
  const auto file = parse_topicauth(
      "{ \"send\": [\n  {\"topic\": \"/t\", \"clients\": [\n    \"" + upper + "\",\n    \"" +
          sha256 +
          "\"]},\n  {\"topic\": \"/a/+/b\", \"clients\": []}, {\"topic\": \"/a#\", \"clients\": "
          "[]},\n"
          "  {\"topic\": \"/u\", \"clients\": [], \"note\": {\"deep\": [1, {\"x\": null}]}}],\n"
          "  \"version\": 2 }",
      "p");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(
      file->warnings,
      ElementsAre(
          "p:3: client \"" + upper +
              "\" can never match: a SHA-1 thumbprint has 40 lower-case hexadecimal digits",
          "p:4: client \"" + sha256 +
              "\" can never match: a SHA-1 thumbprint has 40 lower-case hexadecimal digits",
          "p:5: topic \"/a/+/b\" can never match: a wildcard is `#` alone or `/#` at the end",
          "p:5: topic \"/a#\" can never match: a wildcard is `#` alone or `/#` at the end",
          "p:6: \"note\" means nothing here; known are \"topic\", \"clients\"",
          "p:7: \"version\" means nothing here; known are \"send\", \"receive\""));
  ASSERT_EQ(file->rules.size(), 4U);
  EXPECT_THAT(file->rules[0].certificates, ElementsAre());
  // Not even the certificate with that very SHA-256: the original compares SHA-1.
  const fabric::Authorization authorization({.rules = file->rules});
  std::string buffer;
  const auto by_sha256 = fabric::make_identity({{kC1, sha256}}, "", "u");
  EXPECT_FALSE(authorization.allows(by_sha256, Direction::kSend, "/t", buffer));
}

TEST(TopicAuthFile, NamesFileLineAndWhatIsWrong) {
  const std::string entry = R"({"topic":"/t","clients":[]})";
  const std::pair<std::string, std::string> cases[] = {
      {"", "p:1: not JSON near"},
      {"// nothing\n", "p:2: not JSON near"},
      {"/* open", "p:1: not JSON near"},
      {"[]", "p:1: expected {\"send\": [...], \"receive\": [...]}"},
      {"7", "p:1: expected {\"send\": [...], \"receive\": [...]}"},
      {"{\"send\":[" + entry + ",]}", "p:1: not JSON near"},
      {"{\"send\":[" + entry + "]} x", "p:1: not JSON near"},
      {"{\n\"send\":{}}", "p:2: send: expected a list of"},
      {"{\n\"send\":[\n\"/t\"]}", "p:3: expected {\"topic\": \"...\", \"clients\": [...]}"},
      {"{\"send\":[{\"topic\":7}]}", "p:1: topic: expected a string"},
      {"{\"send\":[{\"topic\":\"/t\",\"clients\":\"x\"}]}", "p:1: clients: expected a list"},
      {"{\"send\":[{\"topic\":\"/t\",\"clients\":[7]}]}", "p:1: clients: expected SHA-1"},
      {"{\"send\":[{\"topic\":\"/t\",\"clients\":[[]]}]}", "p:1: clients: expected SHA-1"},
      {"{\"send\":[\n{\"topic\":\"/t\",\n\"client\":[]}]}", "p:2: the entry needs \"clients\""},
      {"{\"send\":[{\"clients\":[]}]}", "p:1: the entry needs \"topic\""},
      {"{\"send\":[],\n\"send\":[]}", "p:2: \"send\" is there twice"},
      {"{\"send\":[{\"topic\":\"/t\",\"topic\":\"/u\",\"clients\":[]}]}",
       "p:1: \"topic\" is there twice"},
      {"{\"x\":{\"a\":1,\"a\":2}}", "p:1: \"a\" is there twice"},
      {"{\"x\":" + std::string(40, '['), "p:1: nested deeper than 16"},
  };
  for (const auto& [text, message] : cases) {
    const auto file = parse_topicauth(text, "p");
    ASSERT_FALSE(file) << text;
    EXPECT_EQ(file.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(file.error().message.find(message), 0U) << file.error().message << "\n" << message;
  }
}

TEST(TopicAuthFile, EveryTruncationIsAnErrorAndNoDamageBreaksTheReader) {
  const std::string text = matrix_file();
  const std::size_t end = text.rfind('}');
  for (std::size_t size = 0; size <= end; ++size)
    EXPECT_FALSE(parse_topicauth(text.substr(0, size), "p")) << size;
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const char byte : {'\0', '"', '{', ']', ',', '\xff', '/'}) {
      std::string damaged = text;
      damaged[at] = byte;
      (void)parse_topicauth(damaged, "p");
    }
}

class Policies : public testing::Test {
 protected:
  void write(const std::filesystem::path& file, const std::string& text) {
    ASSERT_TRUE(write_file_atomically(file, text));
  }
  TemporaryDirectory directory_;
  const StatePaths paths_{directory_.path()};
};

TEST_F(Policies, BothFilesAreOneTable) {
  write(paths_.policy,
        "[[topic]]\ndirection = \"send\"\ntopic = \"/t\"\ncertificates = [\"" + kC1 + "\"]\n");
  ASSERT_TRUE(load_policies(paths_));
  EXPECT_EQ(load_policies(paths_)->policy.rules.size(), 1U);
  write(paths_.topicauth, "{\"send\":[{\"topic\":\"/t\",\"clients\":[\"" + kC2 + "\",\"X\"]}]}");
  const auto loaded = load_policies(paths_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->topicauth_rules, 1U);
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("topicauth.policy:1: client \"X\"")));
  const fabric::Authorization authorization(loaded->policy);
  std::string buffer;
  for (const auto& [who, expected] :
       {std::pair(kC1, true), std::pair(kC2, true), std::pair(std::string(40, '3'), false)})
    EXPECT_EQ(authorization.allows(client(who), Direction::kSend, "/t", buffer), expected) << who;
}

TEST_F(Policies, OneThatCannotBeReadIsAnErrorWhateverTheOther) {
  write(paths_.topicauth, "{}");
  EXPECT_FALSE(load_policies(paths_));
  write(paths_.policy, "profile = \"open\"\n");
  EXPECT_TRUE(load_policies(paths_));
  write(paths_.topicauth, "");
  EXPECT_THAT(load_policies(paths_).error().message, HasSubstr("topicauth.policy:1: "));
  std::filesystem::remove(paths_.topicauth);
  std::filesystem::create_symlink(paths_.root / "nowhere", paths_.topicauth);
  EXPECT_FALSE(load_policies(paths_));
  std::filesystem::remove(paths_.topicauth);
  std::filesystem::create_directory(paths_.topicauth);
  EXPECT_FALSE(load_policies(paths_));
}

}  // namespace
}  // namespace tiara::broker
