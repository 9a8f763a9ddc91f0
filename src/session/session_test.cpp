#include "session/session.hpp"

#include <set>

#include "session/session_fixture.hpp"

namespace tiara::session {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(SessionTest, IsReadyOnlyAfterTheReplyTopicsSuback) {
  session.start(out, at(0));
  EXPECT_THAT(sent(out), ElementsAre("CONNECT {me} 60 clean"));
  receive(connack());
  EXPECT_THAT(sent(out), ElementsAre("SUBSCRIBE 1 /mcafee/client/{me}"));
  EXPECT_FALSE(session.ready());
  EXPECT_THAT(events.take(), IsEmpty());
  receive(suback(1));
  EXPECT_TRUE(session.ready());
  EXPECT_THAT(events.take(), ElementsAre("ready"));
}

TEST_F(SessionTest, AnotherTopicsSubackDoesNotMakeItReady) {
  session.start(out, at(0));
  receive(connack());
  receive(suback(9));
  EXPECT_FALSE(session.ready());
  EXPECT_THAT(events.take(), ElementsAre("suback 9 granted"));
}

TEST_F(SessionTest, ARefusedReplyTopicIsARefusal) {
  session.start(out, at(0));
  receive(connack());
  receive(suback(1, "\x80"));
  EXPECT_THAT(events.take(), ElementsAre("refused not_authorised"));
  EXPECT_FALSE(session.ready());
}

TEST_F(SessionTest, ConnackRefusalsKeepTheirCode) {
  struct Case {
    mqtt::ConnectCode code;
    dxl::ErrorCode expected;
    const char* words;
  };
  const Case cases[] = {
      {mqtt::ConnectCode::kBadVersion, dxl::ErrorCode::kConnect, "protocol version"},
      {mqtt::ConnectCode::kIdRejected, dxl::ErrorCode::kConnect, "client id"},
      {mqtt::ConnectCode::kUnavailable, dxl::ErrorCode::kConnect, "unavailable"},
      {mqtt::ConnectCode::kBadCredentials, dxl::ErrorCode::kNotAuthorised, "password"},
      {mqtt::ConnectCode::kNotAuthorised, dxl::ErrorCode::kNotAuthorised, "not authorised"},
  };
  for (const Case& c : cases) {
    out.clear();
    session.start(out, at(0));
    sent(out);
    receive(connack(c.code));
    EXPECT_FALSE(session.ready());
    EXPECT_EQ(events.last_error.code, c.expected);
    EXPECT_EQ(events.last_error.peer_code, static_cast<std::uint32_t>(c.code));
    EXPECT_THAT(events.last_error.message, HasSubstr(c.words));
    EXPECT_THAT(sent(out), IsEmpty());
    session.stop();
  }
}

TEST_F(SessionTest, AnythingBeforeConnackIsARefusal) {
  session.start(out, at(0));
  receive(suback(1));
  EXPECT_THAT(events.take(), ElementsAre("refused malformed"));
}

TEST_F(SessionTest, ClientPacketsFromTheBrokerAreARefusal) {
  become_ready();
  std::string bytes;
  mqtt::append_subscribe(1, "/a", bytes);
  receive(bytes);
  EXPECT_THAT(events.take(), ElementsAre("refused malformed"));
  receive(connack());  // consumed and ignored
  EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(SessionTest, ASecondConnackIsARefusal) {
  become_ready();
  receive(connack());
  EXPECT_THAT(events.take(), ElementsAre("refused malformed"));
}

TEST_F(SessionTest, APacketOverTheLimitIsARefusal) {
  Session small({.client_id = "{me}", .max_packet_bytes = 16}, events, random);
  small.start(out, at(0));
  std::string bytes = connack();
  mqtt::append_publish("/topic", std::string(100, 'x'), bytes);
  EXPECT_EQ(small.on_bytes(bytes, out, at(0)), bytes.size());
  EXPECT_THAT(events.take(), ElementsAre("refused limit_exceeded"));
}

TEST_F(SessionTest, InputMayBeSplitAnywhere) {
  become_ready();
  request(1, "{q}");
  dxl::MessageView event;
  event.message_id = "{e}";
  event.payload = "happened";
  const std::string bytes =
      publish("/event", event) + publish(kReplyTopic, response_to("{q}", "answer")) + suback(5);
  std::string pending;
  for (const char byte : bytes) {
    pending.push_back(byte);
    pending.erase(0, session.on_bytes(pending, out, at(0)));
  }
  EXPECT_THAT(pending, IsEmpty());
  EXPECT_THAT(events.take(),
              ElementsAre("message /event happened", "reply 1 answer", "suback 5 granted"));
}

TEST_F(SessionTest, EveryPrefixOfAConversationIsSafe) {
  dxl::MessageView event;
  event.message_id = "{e}";
  const std::string bytes = connack() + suback(1) + publish("/event", event);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Session fresh({.client_id = "{me}"}, events, random);
    fresh.start(out, at(0));
    EXPECT_LE(fresh.on_bytes(std::string_view(bytes).substr(0, size), out, at(0)), size);
  }
}

TEST_F(SessionTest, EverySingleByteChangeOfAConversationIsSafe) {
  dxl::MessageView event;
  event.message_id = "{e}";
  const std::string original = connack() + suback(1) + publish("/event", event);
  for (std::size_t i = 0; i < original.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = original;
      bytes[i] = static_cast<char>(value);
      Session fresh({.client_id = "{me}"}, events, random);
      fresh.start(out, at(0));
      EXPECT_LE(fresh.on_bytes(bytes, out, at(0)), bytes.size());
      out.clear();
    }
  }
}

TEST_F(SessionTest, ARequestCarriesItsReplyTopicAndANewId) {
  become_ready();
  request(1, "");
  const dxl::MessageView message = published(out);
  EXPECT_EQ(message.type, dxl::MessageType::kRequest);
  EXPECT_EQ(message.reply_to_topic, kReplyTopic);
  EXPECT_THAT(std::string(message.message_id),
              testing::MatchesRegex("\\{[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                    "[0-9a-f]{12}\\}"));
}

TEST_F(SessionTest, MessageIdsDiffer) {
  become_ready();
  std::set<std::string> ids;
  for (RequestToken token = 1; token <= 100; ++token) {
    request(token, "");
    ids.insert(std::string(published(out).message_id));
    out.clear();
  }
  EXPECT_EQ(ids.size(), 100U);
}

TEST_F(SessionTest, AnswersAreMatchedByRequestIdInAnyOrder) {
  become_ready();
  request(1, "{one}");
  request(2, "{two}");
  receive(publish(kReplyTopic, response_to("{two}", "second")) +
          publish(kReplyTopic, response_to("{one}", "first")));
  EXPECT_THAT(events.take(), ElementsAre("reply 2 second", "reply 1 first"));
}

TEST_F(SessionTest, RepeatedLateAndForeignAnswersAreIgnored) {
  become_ready();
  request(1, "{one}");
  const std::string answer = publish(kReplyTopic, response_to("{one}", "first"));
  receive(answer + answer + publish(kReplyTopic, response_to("{foreign}", "x")));
  EXPECT_THAT(events.take(), ElementsAre("reply 1 first"));
  request(2, "{late}", 10);
  session.tick(at(10), out);
  EXPECT_THAT(events.take(), ElementsAre("reply 2 failed timed_out"));
  receive(publish(kReplyTopic, response_to("{late}", "x")), at(11));
  EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(SessionTest, ErrorResponsesAreAnswers) {
  become_ready();
  request(1, "{one}");
  dxl::MessageView error;
  error.type = dxl::MessageType::kErrorResponse;
  error.request_message_id = "{one}";
  error.error_code = dxl::kServiceUnavailable;
  error.error_message = "unable to locate service for request";
  receive(publish(kReplyTopic, error));
  EXPECT_THAT(events.take(),
              ElementsAre("reply 1 error 2147483649 unable to locate service for request"));
}

TEST_F(SessionTest, ARequestTimesOutExactlyAtItsDeadline) {
  become_ready();
  request(1, "{one}", 10);
  EXPECT_EQ(session.tick(at(9), out), at(10));
  EXPECT_THAT(events.take(), IsEmpty());
  session.tick(at(10), out);
  EXPECT_THAT(events.take(), ElementsAre("reply 1 failed timed_out"));
}

TEST_F(SessionTest, ACancelledRequestIsSilent) {
  become_ready();
  request(1, "{one}", 10);
  session.cancel_request(1);
  session.tick(at(10), out);
  receive(publish(kReplyTopic, response_to("{one}", "x")), at(10));
  EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(SessionTest, RequestsFailAtOnceUnlessReady) {
  request(1, "{one}");
  session.start(out, at(0));
  request(2, "{two}");
  EXPECT_THAT(events.take(),
              ElementsAre("reply 1 failed not_connected", "reply 2 failed not_connected"));
}

TEST_F(SessionTest, RequestsToImpossibleTopicsFail) {
  become_ready();
  for (const char* topic : {"", "/a/#", "/a/+"}) {
    session.send_request(1, topic, request_with_id(""), at(9), out);
    EXPECT_THAT(events.take(), ElementsAre("reply 1 failed invalid_argument"));
    EXPECT_FALSE(session.send(topic, request_with_id(""), out));
  }
  EXPECT_THAT(sent(out), IsEmpty());
}

TEST_F(SessionTest, AnIdThatIsOutstandingIsRefused) {
  become_ready();
  request(1, "{one}");
  request(2, "{one}");
  EXPECT_THAT(events.take(), ElementsAre("reply 2 failed invalid_argument"));
}

TEST_F(SessionTest, StopEndsEveryRequestOnce) {
  become_ready();
  request(1, "{one}");
  request(2, "{two}");
  session.stop();
  EXPECT_THAT(events.take(), testing::UnorderedElementsAre("reply 1 failed not_connected",
                                                           "reply 2 failed not_connected"));
  session.stop();
  session.tick(at(99), out);
  EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(SessionTest, SubscribesWithTheFirstAndUnsubscribesWithTheLastUse) {
  become_ready();
  EXPECT_EQ(session.add_subscription("/a", out), 2U);
  EXPECT_EQ(session.add_subscription("/a", out), 0U);
  EXPECT_THAT(sent(out), ElementsAre("SUBSCRIBE 2 /a"));
  EXPECT_EQ(session.remove_subscription("/a", out), 0U);
  EXPECT_THAT(sent(out), IsEmpty());
  EXPECT_EQ(session.remove_subscription("/a", out), 3U);
  EXPECT_THAT(sent(out), ElementsAre("UNSUBSCRIBE 3 /a"));
  EXPECT_EQ(session.remove_subscription("/a", out), 0U);
  std::string unsuback;
  mqtt::append_ack(mqtt::PacketType::kUnsuback, 3, unsuback);
  receive(unsuback);
  EXPECT_THAT(events.take(), ElementsAre("unsuback 3"));
}

TEST_F(SessionTest, TheReplyTopicCannotBeUnsubscribed) {
  become_ready();
  EXPECT_EQ(session.add_subscription(kReplyTopic, out), 0U);
  EXPECT_EQ(session.remove_subscription(kReplyTopic, out), 0U);
  EXPECT_THAT(sent(out), IsEmpty());
}

TEST_F(SessionTest, SendsAllSubscriptionsAgainAfterARestartTheReplyTopicLast) {
  session.add_subscription("/before", out);
  EXPECT_THAT(sent(out), IsEmpty());
  session.start(out, at(0));
  sent(out);
  receive(connack());
  EXPECT_THAT(sent(out), ElementsAre("SUBSCRIBE 1 /before", "SUBSCRIBE 2 /mcafee/client/{me}"));
  receive(suback(1) + suback(2));
  session.add_subscription("/after", out);
  session.add_subscription("/gone", out);
  session.remove_subscription("/gone", out);
  sent(out);
  session.stop();
  session.add_subscription("/between", out);
  session.start(out, at(1));
  EXPECT_THAT(sent(out), ElementsAre("CONNECT {me} 60 clean"));
  receive(connack());
  EXPECT_THAT(sent(out), ElementsAre("SUBSCRIBE 6 /after", "SUBSCRIBE 7 /before",
                                     "SUBSCRIBE 8 /between", "SUBSCRIBE 9 /mcafee/client/{me}"));
}

TEST_F(SessionTest, ASubscriptionMadeWhileSubscribingIsSentToo) {
  session.start(out, at(0));
  receive(connack());
  sent(out);
  EXPECT_EQ(session.add_subscription("/a", out), 2U);
  EXPECT_THAT(sent(out), ElementsAre("SUBSCRIBE 2 /a"));
}

TEST_F(SessionTest, PingsAnIdleBrokerAndNoticesSilence) {
  become_ready();
  EXPECT_EQ(session.tick(at(59), out), at(60));
  EXPECT_THAT(sent(out), IsEmpty());
  EXPECT_EQ(session.tick(at(60), out), at(90));
  EXPECT_THAT(sent(out), ElementsAre("PINGREQ"));
  session.tick(at(89), out);
  EXPECT_THAT(sent(out), IsEmpty());
  EXPECT_THAT(events.take(), IsEmpty());
  session.tick(at(90), out);
  EXPECT_THAT(events.take(), ElementsAre("refused timed_out"));
}

TEST_F(SessionTest, TheShortestKeepAliveStillLeavesTimeForAPong) {
  using std::chrono::milliseconds;
  Session brief({.client_id = "{me}", .keep_alive = std::chrono::seconds(1)}, events, random);
  brief.start(out, at(0));
  brief.on_bytes(connack() + suback(1), out, at(0));
  events.take();
  sent(out);
  EXPECT_EQ(brief.tick(at(1), out), at(1) + milliseconds(500));
  EXPECT_THAT(sent(out), ElementsAre("PINGREQ"));
  EXPECT_THAT(events.take(), IsEmpty());
  brief.tick(at(1) + milliseconds(500), out);
  EXPECT_THAT(events.take(), ElementsAre("refused timed_out"));
}

TEST_F(SessionTest, APongKeepsTheConnection) {
  become_ready();
  session.tick(at(60), out);
  std::string pong;
  mqtt::append_pingresp(pong);
  receive(pong, at(61));
  EXPECT_THAT(events.take(), ElementsAre("pong 1"));
  EXPECT_EQ(session.tick(at(90), out), at(120));
  EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(SessionTest, PublishingAloneStillProvesTheBrokerAlive) {
  become_ready();
  for (int second = 10; second < 60; second += 10) {
    session.tick(at(second), out);
    session.send("/event", request_with_id("{e}"), out);
  }
  sent(out);
  session.tick(at(60), out);
  EXPECT_THAT(sent(out), ElementsAre("PINGREQ"));
}

TEST_F(SessionTest, ReceivingAloneStillTellsTheBrokerWeLive) {
  become_ready();
  dxl::MessageView event;
  event.message_id = "{e}";
  for (int second = 10; second <= 60; second += 10) receive(publish("/e", event), at(second));
  session.tick(at(60), out);
  EXPECT_THAT(sent(out), ElementsAre("PINGREQ"));
}

TEST_F(SessionTest, PongsAnswerPingsInOrderAndUnaskedOnesAreIgnored) {
  become_ready();
  std::string pong;
  mqtt::append_pingresp(pong);
  receive(pong);
  EXPECT_THAT(events.take(), IsEmpty());
  EXPECT_EQ(session.ping(out), 1U);
  EXPECT_EQ(session.ping(out), 2U);
  receive(pong);
  EXPECT_THAT(events.take(), ElementsAre("pong 1"));
  receive(pong + pong);
  EXPECT_THAT(events.take(), ElementsAre("pong 2"));
}

TEST_F(SessionTest, WithoutKeepAliveNothingIsSentAndNothingExpires) {
  Session quiet({.client_id = "{me}", .keep_alive = std::chrono::seconds(0)}, events, random);
  quiet.start(out, at(0));
  quiet.on_bytes(connack() + suback(1), out, at(0));
  events.take();
  sent(out);
  EXPECT_EQ(quiet.tick(at(100'000), out), base::SteadyTime::max());
  EXPECT_THAT(sent(out), IsEmpty());
  EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(SessionTest, APublishThatIsNotDxlIsReportedAndTheConnectionKept) {
  become_ready();
  std::string bytes;
  mqtt::append_publish("/noise", "hello", bytes);
  receive(bytes);
  EXPECT_THAT(events.take(), ElementsAre("undecodable /noise"));
  EXPECT_TRUE(session.ready());
}

TEST_F(SessionTest, HigherQosGetsItsHandshake) {
  become_ready();
  dxl::MessageView event;
  event.message_id = "{e}";
  event.payload = "p";
  std::string payload;
  dxl::append_message(event, payload);
  for (const char flags : {'\x32', '\x34'}) {  // QoS 1, QoS 2
    std::string body("\0\2/e\0\7", 6);
    body += payload;
    receive(std::string{flags, static_cast<char>(body.size())} + body);
  }
  receive(std::string("\x62\x02\x00\x07", 4));  // PUBREL
  EXPECT_THAT(events.take(), ElementsAre("message /e p", "message /e p"));
  EXPECT_THAT(sent(out), ElementsAre("ACK 4 7", "ACK 5 7", "ACK 7 7"));
}

// An owner may send from inside the callbacks.
class Answering final : public SessionEvents {
 public:
  void on_ready() override {}
  void on_refused(const dxl::Error&) override {}
  void on_reply(RequestToken token, dxl::Result<dxl::Reply>) override {
    if (token < 5) session->send_request(token + 1, "/again", request_with_id(""), at(9), *out);
  }
  void on_message(std::string_view, const dxl::MessageView& message) override {
    session->send("/answer", response_to(message.message_id, "done"), *out);
  }
  void on_undecodable(std::string_view, const dxl::Error&) override {}
  void on_suback(std::uint16_t, bool) override {}
  void on_unsuback(std::uint16_t) override {}
  void on_pong(std::uint64_t) override {}
  Session* session = nullptr;
  std::string* out = nullptr;
};

TEST(SessionReentry, MaySendFromInsideCallbacks) {
  CountingRandom random;
  Answering events;
  std::string out;
  Session session({.client_id = "{me}"}, events, random);
  events.session = &session;
  events.out = &out;
  session.start(out, at(0));
  session.on_bytes(connack() + suback(1), out, at(0));
  session.send_request(1, "/first", request_with_id("{q}"), at(9), out);
  sent(out);
  session.on_bytes(publish("/work", request_with_id("{r}")) +
                       publish("/mcafee/client/{me}", response_to("{q}", "a")),
                   out, at(1));
  EXPECT_THAT(sent(out), ElementsAre("PUBLISH /answer", "PUBLISH /again"));
  session.stop();
}

TEST_F(SessionTest, DisconnectSaysGoodbye) {
  session.disconnect(out);
  EXPECT_THAT(sent(out), IsEmpty());
  become_ready();
  session.disconnect(out);
  EXPECT_THAT(sent(out), ElementsAre("DISCONNECT"));
}

}  // namespace
}  // namespace tiara::session
