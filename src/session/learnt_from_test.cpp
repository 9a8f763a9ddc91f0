// What went wrong in others' MQTT clients when a broker was hostile (docs/security-lessons.md).
#include <algorithm>
#include <map>
#include <random>

#include "session/session_fixture.hpp"

namespace tiara::session {
namespace {

using namespace std::string_literals;

std::string raw(unsigned char head, std::string_view body) {
  return std::string{static_cast<char>(head), static_cast<char>(body.size())}.append(body);
}
std::string text(std::string_view value) {
  return std::string{'\0', static_cast<char>(value.size())}.append(value);
}

class LearntFrom : public SessionTest {};

// CVE-2024-10525: a SUBACK without codes was read behind its end; one with other codes than there
// were filters was believed.
TEST_F(LearntFrom, CVE_2024_10525_ASubackWithWrongOrMissingCodesGrantsNothing) {
  become_ready();
  sent(out);
  const std::uint16_t id = session.add_subscription("/a", out);
  for (const std::string& codes : {"\x80"s, "\x03"s, "\x7f"s, "\x81"s, "\xff"s, "\0\0"s, "\0\x80"s,
                                   std::string(1'000, '\0')}) {
    std::string bytes;
    mqtt::append_suback(id, codes, bytes);
    receive(bytes);
    EXPECT_THAT(events.take(), testing::ElementsAre("suback " + std::to_string(id) + " refused"))
        << testing::PrintToString(codes);
  }
  receive(suback(id, "\2"));
  EXPECT_THAT(events.take(), testing::ElementsAre("suback " + std::to_string(id) + " granted"));
  for (const std::string& cut : {""s, "\0"s, "\0\1"s}) {
    Session fresh({.client_id = "{me}"}, events, random);
    fresh.start(out, at(0));
    fresh.on_bytes(connack() + raw(0x90, cut), out, at(0));
    EXPECT_THAT(events.take(), testing::ElementsAre("refused malformed"))
        << testing::PrintToString(cut);
  }
}

TEST_F(LearntFrom, CVE_2024_10525_TheReplyTopicsSubackIsNoException) {
  for (const std::string& codes : {"\x03"s, "\xff"s, "\0\0"s}) {
    Session fresh({.client_id = "{me}"}, events, random);
    fresh.start(out, at(0));
    fresh.on_bytes(connack() + suback(1, codes), out, at(0));
    EXPECT_FALSE(fresh.ready());
    EXPECT_THAT(events.take(), testing::ElementsAre("refused not_authorised"));
  }
}

// CVE-2024-3935: a PUBLISH whose topic was not what the subscriber expected was freed twice.
TEST_F(LearntFrom, CVE_2024_3935_APublishWithAHostileTopicIsDroppedOrEndsTheConnection) {
  dxl::MessageView event;
  event.message_id = "{e}";
  std::string message;
  dxl::append_message(event, message);
  const struct {
    std::string bytes, expected;
  } kCases[] = {
      {raw(0x30, text("/never/subscribed") + message), "message /never/subscribed "},
      {raw(0x30, text("/a")), "undecodable /a"},
      {raw(0x30, text("/a") + "\xc1 no message"), "undecodable /a"},
      {raw(0x30, text("") + message), "undecodable "},
      {raw(0x30, text("/a/#") + message), "undecodable /a/#"},
      {raw(0x30, text("+") + message), "undecodable +"},
      {raw(0x30, text("/a\0b"s) + message), "refused malformed"},
      {raw(0x30, text("/\xed\xa0\x80") + message), "refused malformed"},
      {raw(0x30, "\xff\xff/short"), "refused malformed"},
      {raw(0x30, "\0"s), "refused malformed"},
      {raw(0x30, ""), "refused malformed"},
      {raw(0x36, text("/a") + "\0\1"s + message), "refused malformed"},  // QoS 3
      {raw(0x32, text("/a") + "\0\0"s + message), "refused malformed"},  // packet id 0
      {raw(0x32, text("/a")), "refused malformed"},                      // no packet id
  };
  for (const auto& c : kCases) {
    Session fresh({.client_id = "{me}"}, events, random);
    fresh.start(out, at(0));
    fresh.on_bytes(connack() + suback(1) + c.bytes, out, at(0));
    EXPECT_THAT(events.take(), testing::ElementsAre("ready", c.expected))
        << testing::PrintToString(c.bytes);
    EXPECT_EQ(fresh.ready(), c.expected != "refused malformed");
  }
}

// Whatever a broker sends and however often it comes back: each request ends once, what the session
// sends are whole packets, and after a refusal nothing is believed. fuzz/session.cpp looks further.
TEST_F(LearntFrom, CVE_2024_3935_RandomSequencesOfAHostileBrokerEndEachRequestOnce) {
  std::mt19937 generator(11);
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(generator);
  };
  dxl::MessageView event;
  event.message_id = "{e}";
  const std::vector<std::string> packets{connack(),
                                         connack(mqtt::ConnectCode::kNotAuthorised),
                                         suback(1),
                                         suback(2, "\x80"),
                                         publish("/a", event),
                                         publish(kReplyTopic, response_to("{1}", "x")),
                                         publish(kReplyTopic, response_to("{none}", "x")),
                                         raw(0xd0, ""),
                                         raw(0xb0, "\0\2"s),
                                         raw(0x40, "\0\1"s),
                                         raw(0x62, "\0\1"s),
                                         raw(0x32, text("/a") + "\0\7"s + "x")};
  std::map<RequestToken, int> ended;
  RequestToken last = 0;
  session.start(out, at(0));
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t action = pick(12);
    if (action == 0) {
      session.stop();
      session.start(out, at(step));
    } else if (action == 1) {
      session.tick(at(step), out);
    } else if (action == 2) {
      session.add_subscription("/a", out);
    } else if (action == 3) {
      session.remove_subscription("/a", out);
    } else if (action == 4) {
      session.send_request(++last, "/q", request_with_id("{" + std::to_string(pick(3)) + "}"),
                           at(step + 50), out);
    } else {
      // Usually the next thing a good broker would say, so that most of it gets far.
      std::string bytes = pick(2) == 0 ? connack() + suback(1) : packets[pick(packets.size())];
      if (pick(8) == 0) bytes[pick(bytes.size())] = static_cast<char>(pick(256));
      EXPECT_LE(session.on_bytes(bytes, out, at(step)), bytes.size());
    }
    sent(out);
    for (const std::string& line : events.take())
      if (line.starts_with("reply ")) ++ended[std::stoull(line.substr(6))];
    ASSERT_FALSE(HasFailure()) << step;
  }
  session.stop();
  for (const std::string& line : events.take())
    if (line.starts_with("reply ")) ++ended[std::stoull(line.substr(6))];
  EXPECT_GT(last, 1'000U);
  EXPECT_EQ(ended.size(), last);
  EXPECT_TRUE(std::all_of(ended.begin(), ended.end(), [](const auto& e) { return e.second == 1; }));
}

}  // namespace
}  // namespace tiara::session
