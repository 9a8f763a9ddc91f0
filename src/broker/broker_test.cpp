// The broker over plain TCP, driven with raw MQTT bytes.
#include "broker/broker.hpp"

#include <gtest/gtest.h>

#include "broker/plain_broker.hpp"

namespace tiara::broker {
namespace {

TEST_P(PlainBroker, AnEventReachesItsSubscribersStampedInVersion3) {
  start();
  RawClient publisher = client(), subscriber = client();
  publisher.enter();
  subscriber.enter();
  subscriber.subscribe("/t/#");
  publisher.send(publish_packet("/t/x", event("hello")));
  const RawPacket packet = subscriber.receive();
  EXPECT_EQ(packet.head, 0x30);
  const std::string bytes = payload_of(packet, "/t/x");
  const auto message = dxl::decode_message(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->version, 3U);
  EXPECT_EQ(message->payload, "hello");
  EXPECT_EQ(message->source_broker_id, kBrokerId);
  EXPECT_EQ(message->source_client_id, message->source_client_instance_id);
  EXPECT_EQ(message->source_client_id.size(), 36U);

  const BrokerStatus status = broker->status();
  EXPECT_EQ(status.connections, 2U);
  EXPECT_EQ(status.messages_in, 1U);
  EXPECT_EQ(status.messages_out, 1U);
  EXPECT_EQ(status.refused_publishes, 0U);
}

TEST_P(PlainBroker, BothProtocolVersionsAreServed) {
  start();
  RawClient old = client();
  old.send(raw_packet(0x10, text_field("MQIsdp") + "\x03\x02\x00\x3c"s + text_field("{id}")));
  EXPECT_EQ(old.receive(), kConnected);
  // One packet may come in pieces, and several in one.
  RawClient recent = client();
  const std::string all =
      connect_packet() + subscribe_packet("/t") + publish_packet("/t", "x") + kPing;
  for (const char byte : all) recent.send(std::string_view(&byte, 1));
  EXPECT_EQ(recent.receive(), kConnected);
  EXPECT_EQ(recent.receive(), kSubscribed);
  EXPECT_EQ(recent.receive(), published("/t", "x"));
  EXPECT_EQ(recent.receive(), kPong);
  recent.send(publish_packet("/t", "1") + publish_packet("/t", "2"));
  EXPECT_EQ(recent.receive(), published("/t", "1"));
  EXPECT_EQ(recent.receive(), published("/t", "2"));
}

TEST_P(PlainBroker, AnswersOrClosesWhatDoesNotBelongIntoAConversation) {
  start({.message_bytes = 1'000, .subscriptions_per_client = 3});
  const std::string kLevel5 =
      raw_packet(0x10, text_field("MQTT") + "\x05\x02\x00\x3c"s + text_field("x"));
  const std::string kBridge =
      raw_packet(0x10, text_field("MQIsdp") + "\x83\x02\x00\x3c"s + text_field("x"));
  const struct {
    const char* name;
    std::string sent;
    std::vector<RawPacket> answers;  // then the broker closes
  } kCases[] = {
      {"a ping first", kPing, {}},
      {"garbage", "GET / HTTP/1.1\r\n\r\n", {}},
      {"unknown protocol",
       raw_packet(0x10, text_field("MQXX") + "\x04\x02\x00\x3c"s + text_field("x")),
       {}},
      {"unknown level", kLevel5, {{0x20, "\0\1"s}}},
      {"bridge", kBridge, {{0x20, "\0\5"s}}},
      {"oversize connect", raw_packet(0x10, std::string(5'000, 'x')), {}},
      {"will on a filter", connect_packet(6, 60, text_field("/w/#") + text_field("gone")), {}},
      {"second connect", connect_packet() + connect_packet(), {kConnected}},
      {"oversize subscribe",
       connect_packet() + raw_packet(0x82, "\0\7"s + text_field(std::string(1'000, 'x')) + "\0"s),
       {kConnected}},
      {"publish to a filter", connect_packet() + publish_packet("/t/#", "x"), {kConnected}},
      {"publish to nothing", connect_packet() + publish_packet("", "x"), {kConnected}},
      {"bad filter", connect_packet() + subscribe_packet("/a#"), {kConnected}},
      {"empty filter", connect_packet() + subscribe_packet(""), {kConnected}},
      {"qos 3", connect_packet() + subscribe_packet("/a", 3), {kConnected}},
      {"too many subscriptions",
       connect_packet() +
           raw_packet(0x82, "\0\7"s + text_field("/1") + "\0"s + text_field("/2") + "\0"s +
                                text_field("/3") + "\0"s + text_field("/4") + "\0"s),
       {kConnected}},
      {"a broker's packet", connect_packet() + raw_packet(0x90, "\0\7\0"s), {kConnected}},
      {"disconnect", connect_packet() + kDisconnect, {kConnected}},
  };
  for (const auto& c : kCases) {
    RawClient raw = client();
    raw.send(c.sent);
    for (const RawPacket& answer : c.answers) EXPECT_EQ(raw.receive(), answer) << c.name;
    EXPECT_EQ(raw.receive(), RawPacket{}) << c.name;
    EXPECT_TRUE(raw.wait_closed()) << c.name;
  }
  EXPECT_TRUE(wait_connections(0));
}

TEST_P(PlainBroker, ASessionThatIsNotCleanIsTreatedAsClean) {
  start();
  RawClient raw = client();
  raw.send(connect_packet(0));
  EXPECT_EQ(raw.receive(), kConnected);
}

TEST_P(PlainBroker, GrantsWhatIsAskedForAndAcknowledgesHigherQos) {
  start();
  RawClient raw = client();
  raw.enter();
  raw.send(raw_packet(0x82, "\1\2"s + text_field("/a") + "\0"s + text_field("/b") + "\1"s +
                                text_field("/c/#") + "\2"s));
  EXPECT_EQ(raw.receive(), (RawPacket{0x90, "\1\2\0\1\2"s}));
  raw.send(raw_packet(0x32, text_field("/b") + "\0\5"s + "one"));
  EXPECT_EQ(raw.receive(), published("/b", "one"));
  EXPECT_EQ(raw.receive(), (RawPacket{0x40, "\0\5"s}));
  raw.send(raw_packet(0x34, text_field("/c/x") + "\0\6"s + "two"));
  EXPECT_EQ(raw.receive(), published("/c/x", "two"));
  EXPECT_EQ(raw.receive(), (RawPacket{0x50, "\0\6"s}));
  raw.send(raw_packet(0x62, "\0\6"s));
  EXPECT_EQ(raw.receive(), (RawPacket{0x70, "\0\6"s}));
  raw.send(raw_packet(0xa2, "\0\x9"s + text_field("/b")));
  EXPECT_EQ(raw.receive(), (RawPacket{0xb0, "\0\x9"s}));
  raw.send(publish_packet("/b", "three"));
  EXPECT_EQ(raw.receive_all(), std::vector<RawPacket>{});
}

TEST_P(PlainBroker, WritesItsStateToTheLogInTestMode) {
  for (const bool is_testing : {false, true}) {
    test_mode = is_testing;
    start();
    RawClient tester = client();
    tester.enter();
    tester.subscribe("/mcafee/event/dxl/dumpservicestate");
    testing::internal::CaptureStderr();
    tester.send(publish_packet("/mcafee/event/dxl/dumpservicestate", event("")));
    EXPECT_EQ(tester.receive_all().size(), 1U);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(log.find("state: services {\"services\":{}}") != std::string::npos, is_testing)
        << log;
    broker.reset();
  }
}

TEST_P(PlainBroker, ARequestGoesToTheServiceAndTheResponseComesBack) {
  start();
  RawClient service = client(), asker = client();
  service.enter();
  register_service(service, "{s}", "/svc");
  EXPECT_EQ(broker->status().services, 1U);

  asker.enter();
  asker.subscribe("/mcafee/client/{asker}");
  asker.send(publish_packet("/svc", request("ping", "/mcafee/client/{asker}")));
  const std::string asked = payload_of(service.receive(), "/svc");
  const auto got = dxl::decode_message(asked);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->payload, "ping");
  EXPECT_EQ(got->service_id, "{s}");
  dxl::MessageView response;
  response.type = dxl::MessageType::kResponse;
  response.message_id = "{response}";
  response.payload = "pong";
  response.request_message_id = got->message_id;
  const std::vector<std::string_view> clients{got->source_client_instance_id};
  response.client_ids = std::span(clients);
  service.send(publish_packet(got->reply_to_topic, encoded(response)));
  const std::string answered = payload_of(asker.receive(), "/mcafee/client/{asker}");
  EXPECT_EQ(dxl::decode_message(answered)->payload, "pong");

  // Gone without a word: its service goes with it, and the next request is answered by the broker.
  service.send(kDisconnect);
  EXPECT_TRUE(service.wait_closed());
  ASSERT_TRUE(wait_connections(1));
  EXPECT_EQ(broker->status().services, 0U);
  asker.send(publish_packet("/svc", request("ping", "/mcafee/client/{asker}")));
  const std::string refused = payload_of(asker.receive(), "/mcafee/client/{asker}");
  EXPECT_EQ(dxl::decode_message(refused)->error_code, 0x80000001U);
  EXPECT_EQ(broker->status().refused_publishes, 1U);
}

TEST_P(PlainBroker, AWillIsPublishedUnlessTheClientSaysGoodbye) {
  start();
  RawClient watcher = client();
  watcher.enter();
  watcher.subscribe("/w/#");
  come_and_go("/w/polite", true);
  come_and_go("/w/open", false);
  EXPECT_EQ(watcher.receive(), published("/w/open", "gone"));
  EXPECT_TRUE(wait_connections(1));
}

TEST_P(PlainBroker, AWillWithoutPermissionIsNotPublished) {
  start({}, {.rules = {{fabric::Direction::kSend, "/w/closed", {}, {}}}});
  RawClient watcher = client();
  watcher.enter();
  watcher.subscribe("/w/#");
  come_and_go("/w/closed", false);
  come_and_go("/w/open", false);
  EXPECT_EQ(watcher.receive(), published("/w/open", "gone"));
  EXPECT_TRUE(wait_connections(1));
  EXPECT_EQ(broker->status().refused_publishes, 1U);
}

TEST_P(PlainBroker, SilenceEndsAConnection) {
  start({.connect_deadline = std::chrono::milliseconds(100)});
  RawClient mute = client();
  EXPECT_TRUE(mute.wait_closed());
  RawClient brief = client();
  brief.send(connect_packet(2, 1));
  EXPECT_EQ(brief.receive(), kConnected);
  EXPECT_TRUE(brief.wait_closed());
  RawClient endless = client();
  endless.send(connect_packet(2, 0));
  EXPECT_EQ(endless.receive(), kConnected);
  EXPECT_TRUE(wait_connections(1));
}

TEST_P(PlainBroker, ConnectionsBeyondTheLimitAreToldSo) {
  start({.connections = 1});
  RawClient first = client();
  first.enter();
  RawClient second = client();
  second.send(connect_packet());
  EXPECT_EQ(second.receive(), (RawPacket{0x20, "\0\3"s}));
  EXPECT_TRUE(second.wait_closed());
  first.send(kDisconnect);
  EXPECT_TRUE(wait_connections(0));
  RawClient third = client();
  third.enter();
}

TEST_P(PlainBroker, AConsumerThatDoesNotReadIsClosedAndTheOthersAreServed) {
  BrokerLimits limits;
  limits.outgoing_bytes = 1024 * 1024;
  start(limits);
  RawClient slow = client(), good = client(), publisher = client();
  for (RawClient* each : {&slow, &good, &publisher}) each->enter();
  slow.subscribe("/t");
  good.subscribe("/t");
  // More than any socket buffer takes, while `slow` reads nothing.
  const std::string payload(256 * 1024, 'x');
  int sent = 0;
  for (; broker->status().connections == 3 && sent < 400; ++sent) {
    publisher.send(publish_packet("/t", payload));
    ASSERT_EQ(good.receive(), published("/t", payload));
  }
  EXPECT_LT(sent, 400) << "the slow consumer is still there";
  EXPECT_TRUE(slow.wait_closed());
  EXPECT_TRUE(wait_connections(2));
}

TEST_P(PlainBroker, ANewAuthorizationActsAtOnce) {
  start();
  RawClient raw = client();
  raw.enter();
  raw.subscribe("/t");
  raw.send(publish_packet("/t", "1"));
  EXPECT_EQ(raw.receive(), published("/t", "1"));
  broker->set_authorization(
      fabric::Authorization({.rules = {{fabric::Direction::kSend, "/t", {}, {}}}}));
  raw.send(publish_packet("/t", "2"));
  raw.send(publish_packet("/t", "3"));
  EXPECT_EQ(raw.receive_all(), std::vector<RawPacket>{});
  EXPECT_EQ(broker->status().refused_publishes, 2U);
}

TEST_P(PlainBroker, ListensOnEveryAddressAtOnePortAndSaysWhatItCannotHave) {
  auto both = Broker::start({.broker_id = "b",
                             .listen_addresses = {"127.0.0.1", "::1"},
                             .port = 0,
                             .tls = nullptr,
                             .limits = {}},
                            fabric::Authorization({}));
  ASSERT_TRUE(both.has_value()) << both.error().message;
  RawClient((*both)->port()).enter();
  const auto taken = Broker::start({.broker_id = "b",
                                    .listen_addresses = {"127.0.0.1"},
                                    .port = (*both)->port(),
                                    .tls = nullptr,
                                    .limits = {}},
                                   fabric::Authorization({}));
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, dxl::ErrorCode::kConnect);
  EXPECT_NE(taken.error().message.find(std::to_string((*both)->port())), std::string::npos);
}

TEST_P(PlainBroker, StoppingClosesItsClients) {
  start();
  RawClient raw = client(), half = client();
  raw.enter();
  half.send("\x10");
  broker.reset();
  EXPECT_TRUE(raw.wait_closed());
  EXPECT_TRUE(half.wait_closed());
}

INSTANTIATE_TEST_SUITE_P(Threads, PlainBroker, testing::Values(1U, 3U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace tiara::broker
