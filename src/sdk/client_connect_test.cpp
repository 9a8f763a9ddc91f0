// Connecting, losing the connection, coming back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

dxl::ClientOptions one_pass(milliseconds attempt_timeout = kPatience) {
  dxl::ClientOptions options = quick_options();
  options.reconnect = false;
  options.attempt_timeout = attempt_timeout;
  return options;
}

TEST(ClientConnect, SubscribesItsReplyTopicFirst) {
  FakeBroker broker;
  const auto client = make_client(broker);
  EXPECT_FALSE(client->connected());
  ASSERT_TRUE(client->connect());
  EXPECT_TRUE(client->connected());
  EXPECT_TRUE(client->connect());  // nothing more happens
  EXPECT_THAT(broker.log(), ElementsAre("CONNECT", "SUBSCRIBE /mcafee/client/{me}"));
}

TEST(ClientConnect, DisconnectSaysGoodbyeAndMayBeFollowedByConnect) {
  FakeBroker broker;
  const auto client = make_client(broker);
  ASSERT_TRUE(client->connect());
  ASSERT_TRUE(client->disconnect());
  EXPECT_FALSE(client->connected());
  EXPECT_TRUE(broker.wait_for("DISCONNECT"));
  EXPECT_TRUE(client->disconnect());
  ASSERT_TRUE(client->connect());
  EXPECT_TRUE(client->connected());
}

struct Refusal {
  const char* name;
  FakeBroker::Behaviour behaviour;
  dxl::ErrorCode code;
  const char* words;
};

class ClientRefused : public testing::TestWithParam<Refusal> {};

TEST_P(ClientRefused, ConnectSaysWhatWentWrongAndALaterOneSucceeds) {
  FakeBroker broker;
  broker.set(GetParam().behaviour);
  const bool silence = GetParam().code == dxl::ErrorCode::kTimedOut;
  const auto client = make_client(broker, one_pass(silence ? milliseconds(50) : kPatience));
  const auto connected = client->connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, GetParam().code);
  EXPECT_THAT(connected.error().message, HasSubstr(GetParam().words));
  EXPECT_FALSE(client->connected());
  broker.set({});
  // A busy machine may exceed the short deadline of the silent cases now and then.
  bool connects = false;
  for (int i = 0; i < 100 && !connects; ++i) connects = client->connect().has_value();
  EXPECT_TRUE(connects);
}

INSTANTIATE_TEST_SUITE_P(
    Steps, ClientRefused,
    testing::Values(
        Refusal{"Unreachable", {.reachable = false}, dxl::ErrorCode::kConnect, "fake:1: refused"},
        Refusal{"ClosedOnConnect",
                {.close_on_connect = true},
                dxl::ErrorCode::kConnect,
                "in-process: the peer closed"},
        Refusal{"NotAuthorised",
                {.connack = mqtt::ConnectCode::kNotAuthorised},
                dxl::ErrorCode::kNotAuthorised,
                "CONNACK 5 (not authorised)"},
        Refusal{"Full",
                {.connack = mqtt::ConnectCode::kUnavailable},
                dxl::ErrorCode::kConnect,
                "CONNACK 3"},
        Refusal{"NoConnack", {.connack = std::nullopt}, dxl::ErrorCode::kTimedOut, "CONNACK"},
        Refusal{"NoSuback", {.suback = std::nullopt}, dxl::ErrorCode::kTimedOut, "SUBACK"},
        Refusal{"ReplyTopicRefused",
                {.suback = '\x80'},
                dxl::ErrorCode::kNotAuthorised,
                "/mcafee/client/{me}"},
        Refusal{"Garbage",
                {.greeting = std::string("\xff\xff\xff\xff\xff\xff", 6)},
                dxl::ErrorCode::kMalformed,
                "in-process"}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(ClientConnect, TriesEveryAddressOfAPassAndNamesEachFailureOnce) {
  FakeBroker broker;
  broker.set({.reachable = false});
  const auto client = make_client(broker, one_pass(), 3);
  const auto connected = client->connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().message, "cannot connect to fake:1: refused");
  EXPECT_EQ(broker.log(), std::vector<std::string>(3, "UNREACHABLE"));
}

TEST(ClientConnect, GivesUpAtItsDeadlineAndSaysWhy) {
  FakeBroker broker;
  broker.set({.reachable = false});
  dxl::ClientOptions options = quick_options();
  options.connect_timeout = milliseconds(60);
  const auto client = make_client(broker, options);
  const auto connected = client->connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, dxl::ErrorCode::kConnect);
  EXPECT_THAT(connected.error().message, HasSubstr("not connected within 60 ms"));
  EXPECT_THAT(connected.error().message, HasSubstr("fake:1: refused"));
}

TEST(ClientConnect, KeepsTryingUntilTheBrokerIsThere) {
  FakeBroker broker;
  broker.set({.connack = mqtt::ConnectCode::kUnavailable});
  const auto client = make_client(broker);
  std::thread repair([&] {
    EXPECT_TRUE(broker.wait_for("CONNECT", 3));
    broker.set({});
  });
  EXPECT_TRUE(client->connect());
  repair.join();
}

TEST(ClientConnect, SubscribesAgainAfterALoss) {
  FakeBroker broker;
  const auto client = make_client(broker);
  ASSERT_TRUE(client->connect());
  Gate arrived;
  const auto handle =
      client->add_event_callback("/event/#", [&](const dxl::Event&) { arrived.open(); });
  ASSERT_TRUE(handle);
  broker.drop();
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /event/#", 2));
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /mcafee/client/{me}", 2));
  broker.deliver(event_on("/event/1"));
  EXPECT_TRUE(arrived.wait());
}

TEST(ClientConnect, WithoutReconnectALossIsFinal) {
  FakeBroker broker;
  const auto client = make_client(broker, one_pass());
  ASSERT_TRUE(client->connect());
  broker.drop();
  ASSERT_TRUE(broker.wait_for("CLOSED"));
  // The next request either finds the loss or meets it.
  EXPECT_EQ(describe(client->request(request_to("/nobody"), kPatience)), "failed not_connected");
  EXPECT_FALSE(client->connected());
  EXPECT_TRUE(client->connect());
}

TEST(ClientConnect, ASilentBrokerIsLeftAfterOneAndAHalfKeepAlives) {
  FakeBroker broker;
  broker.set({.pong = false});
  dxl::ClientOptions options = quick_options();
  options.keep_alive = std::chrono::seconds(1);
  const auto client = make_client(broker, options);
  ASSERT_TRUE(client->connect());
  EXPECT_TRUE(broker.wait_for("PINGREQ"));
  EXPECT_TRUE(broker.wait_for("CONNECT", 2));
}

}  // namespace
}  // namespace tiara::sdk
