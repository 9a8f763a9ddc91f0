// Every file of tests/fixtures/mqtt/conversations against a broker: as written, with what each peer
// sends merged into as few segments as possible, byte by byte, and with two I/O threads.
#include "broker/conversation.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "broker/broker.hpp"
#include "broker/conversation_peer.hpp"

namespace tiara::broker {
namespace {

using Kind = Step::Kind;
using namespace std::string_literals;

constexpr std::string_view kBrokerId = "11111111-1111-1111-1111-111111111111";
// How often everybody is asked whether something came that nobody expected: what the first ping of
// one peer sets free has arrived at all others before their second is answered.
constexpr int kLastRounds = 2;

std::filesystem::path folder() {
  return std::filesystem::path(TIARA_FIXTURES) / "mqtt" / "conversations";
}

std::vector<std::string> conversation_names() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder(), none))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Step> load(const std::string& name) {
  std::ifstream file(folder() / (name + ".txt"), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  auto steps = parse_conversation(text.str());
  EXPECT_TRUE(steps.has_value()) << steps.error().message;
  return steps.value_or(std::vector<Step>{});
}

std::unique_ptr<Broker> start_broker(unsigned threads) {
  BrokerOptions options;
  options.broker_id = kBrokerId;
  options.listen_addresses = {"127.0.0.1"};
  options.port = 0;
  options.threads = threads;
  auto started = Broker::start(std::move(options), fabric::Authorization({}));
  EXPECT_TRUE(started.has_value()) << started.error().message;
  return started ? *std::move(started) : nullptr;
}

class Runner {
 public:
  Runner(std::uint16_t port, bool split) : port_(port), split_(split) {}

  // Stops at the first thing that is not as written.
  void run(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      const std::string problem = perform(step);
      ASSERT_EQ(problem, "") << "line " << step.line << ", " << step.peer;
    }
    const auto open = *parse_conversation("x open\n");
    for (int round = 0; round < kLastRounds; ++round)
      for (const std::string& name : open_)
        for (Step step : open) {
          step.peer = name;
          ASSERT_EQ(perform(step), "") << "at the end, " << name;
        }
  }

 private:
  std::string perform(const Step& step) {
    const auto [place, made] = peers_.try_emplace(step.peer, port_);
    if (made) open_.insert(step.peer);
    ConversationPeer& peer = place->second;
    switch (step.kind) {
      case Kind::kSend: {
        const std::string& bytes = step.pattern.bytes;
        return (split_ ? peer.send_split(bytes) : peer.send(bytes)) ? "" : "the broker reads not";
      }
      case Kind::kExpect:
        return peer.expect(step.pattern);
      case Kind::kClosed:
        open_.erase(step.peer);
        return peer.expect_closed(step.patience);
      case Kind::kDrop:
        open_.erase(step.peer);
        peer.drop();
        return "";
      case Kind::kSkip:
        peer.skip(step.pattern.bytes);
        return "";
    }
    return "no such step";
  }

  std::uint16_t port_;
  bool split_;
  std::map<std::string, ConversationPeer> peers_;
  std::set<std::string> open_;
};

class Conversation : public testing::Test {
 public:
  explicit Conversation(std::string name) : name_(std::move(name)) {}
  void TestBody() override;

 private:
  std::string name_;
};

void Conversation::TestBody() {
  const std::vector<Step> steps = load(name_);
  ASSERT_FALSE(steps.empty());
  const struct {
    const char* name;
    bool split;
    std::vector<Step> steps;
    unsigned threads;
  } kWays[] = {{"as written", false, steps, 1},
               {"merged", false, merge_sends(steps), 1},
               {"split", true, steps, 1},
               {"merged, two threads", false, merge_sends(steps), 2}};
  for (const auto& way : kWays) {
    SCOPED_TRACE(way.name);
    const auto broker = start_broker(way.threads);
    ASSERT_NE(broker, nullptr);
    Runner(broker->port(), way.split).run(way.steps);
    if (HasFatalFailure()) return;
  }
}

// Each file is a test of its own and bears the file's name.
bool register_conversations() {
  for (const std::string& name : conversation_names())
    testing::RegisterTest("Conversation", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [name] { return new Conversation(name); });
  return true;
}
[[maybe_unused]] const bool kRegistered = register_conversations();

TEST(ConversationFile, FindsTheConversations) { EXPECT_GT(conversation_names().size(), 100U); }

TEST(ConversationFile, WritesBytesInEveryNotation) {
  const auto steps = parse_conversation(
      "# a comment\n"
      "a> 10 { [\"MQ\"] 04 \"x\"*3 }\n"
      "   00ff*2\n"
      "\n"
      "bob< ?? [ ]\n");
  ASSERT_TRUE(steps.has_value()) << steps.error().message;
  ASSERT_EQ(steps->size(), 2U);
  const Step& send = (*steps)[0];
  EXPECT_EQ(send.pattern.bytes, "\x10\x08\0\2MQ\4xxx\0\xff\xff"s);
  EXPECT_EQ(send.line, 2U);
  const Step& expect = (*steps)[1];
  EXPECT_EQ(expect.kind, Kind::kExpect);
  EXPECT_EQ(expect.peer, "bob");
  EXPECT_TRUE(expect.pattern.matches_start_of("z\0\0and more"s));
  EXPECT_FALSE(expect.pattern.matches_start_of("z\0\1"s));
  EXPECT_FALSE(expect.pattern.matches_start_of("z\0"s));
}

TEST(ConversationFile, NamesTheLineItCannotRead) {
  for (const char* bad : {"a> 1", "a> zz", "a> [ 00", "a> 00 ]", "a> \"x", "a>", "a says",
                          "a closed within x", "a> 00*x", "> 00", "a> 00*99999999"}) {
    const auto steps = parse_conversation("a open\n"s + bad + "\na open\n");
    ASSERT_FALSE(steps.has_value()) << bad;
    EXPECT_NE(steps.error().message.find("line 2"), std::string::npos) << steps.error().message;
  }
}

TEST(ConversationFile, MergesWhatOnePeerSendsUntilAnotherSpeaks) {
  const auto steps =
      parse_conversation("a> 01\na< 02\na> 03\nb> 04\na> 05\na< 06\na open\na closed within 3\n");
  ASSERT_TRUE(steps.has_value());
  const std::vector<Step> merged = merge_sends(*steps);
  std::vector<std::string> lines;
  for (const Step& step : merged)
    lines.push_back(step.peer + std::to_string(static_cast<int>(step.kind)) +
                    to_hex_dump(step.pattern.bytes));
  EXPECT_EQ(lines, (std::vector<std::string>{"a001 03 ", "a102 ", "b004 ", "a005 c0 00 ", "a106 ",
                                             "a1d0 00 ", "a2"}));
  EXPECT_EQ(merged.back().patience, std::chrono::seconds(3));
}

}  // namespace
}  // namespace tiara::broker
