// What a client tells of its connection: changes, statistics, refusals in words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Collects "state broker".
class Changes {
 public:
  dxl::ConnectionCallback collector() {
    return [this](const dxl::ConnectionEvent& event) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::string(dxl::to_string(event.state)) +
                       (event.broker.empty() ? "" : " " + event.broker));
      changed_.notify_all();
    };
  }
  std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return lines_.size() >= count; });
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

TEST(ClientState, TellsOfConnectingLossAndReconnecting) {
  FakeBroker broker;
  const auto client = make_client(broker);
  Changes changes;
  const auto handle = client->add_connection_callback(changes.collector());
  ASSERT_TRUE(client->connect());
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /mcafee/client/{me}"));
  broker.drop();
  EXPECT_THAT(changes.wait(5), ElementsAre("connecting", "connected in-process", "lost in-process",
                                           "connecting", "connected in-process"));
}

TEST(ClientState, ACleanStopIsNoLoss) {
  FakeBroker broker;
  const auto client = make_client(broker);
  Changes changes;
  const auto handle = client->add_connection_callback(changes.collector());
  ASSERT_TRUE(client->connect());
  ASSERT_TRUE(client->disconnect());
  EXPECT_THAT(changes.wait(3),
              ElementsAre("connecting", "connected in-process", "disconnected in-process"));
}

TEST(ClientState, GivingUpIsTold) {
  FakeBroker broker;
  broker.set({.connack = mqtt::ConnectCode::kUnavailable});
  dxl::ClientOptions options = quick_options();
  options.reconnect = false;
  const auto client = make_client(broker, options);
  Changes changes;
  const auto handle = client->add_connection_callback(changes.collector());
  ASSERT_FALSE(client->connect());
  EXPECT_THAT(changes.wait(2), ElementsAre("connecting", "gave_up"));
}

TEST(ClientState, NobodyIsToldOnceTheHandleIsGone) {
  FakeBroker broker;
  const auto client = make_client(broker);
  Changes changes;
  { const auto handle = client->add_connection_callback(changes.collector()); }
  ASSERT_TRUE(client->connect());
  EXPECT_THAT(changes.wait(0), testing::IsEmpty());
}

TEST(ClientState, SlowCallbacksMissTheOldestChangesOnly) {
  CallbackPool pool(1, 1);
  ConnectionCallbacks callbacks(pool);
  Gate release;
  std::vector<std::string> brokers;
  const auto entry = std::make_shared<ConnectionEntry>([&](const dxl::ConnectionEvent& event) {
    if (event.broker == "first") release.wait();
    brokers.push_back(event.broker);
  });
  callbacks.add(entry);
  callbacks.tell({.broker = "first"});
  for (std::size_t i = 0; i < kMaxWaitingChanges * 2; ++i) {
    callbacks.tell({.broker = std::to_string(i)});
  }
  release.open();
  pool.stop();
  EXPECT_EQ(brokers.back(), std::to_string(kMaxWaitingChanges * 2 - 1));
  EXPECT_LE(brokers.size(), kMaxWaitingChanges + 1);
}

TEST(ClientState, CountsWhatBecameOfRequests) {
  FakeBroker broker;
  const auto client = make_client(broker);
  ASSERT_TRUE(client->connect());
  broker.answer("/service", "pong");
  broker.refuse("/refuses", 7, "no");
  broker.answer("/silent", [](const dxl::MessageView&) { return std::nullopt; });
  (void)client->request(request_to("/service"));
  (void)client->request(request_to("/refuses"));
  (void)client->request(request_to("/silent"), std::chrono::milliseconds(5));
  dxl::Response late;
  late.topic = kReplyTopic;
  late.request_message_id = std::get<dxl::Request>(*broker.last("/silent")).header.message_id;
  broker.deliver(late);
  auto called_off = client->request_future(request_to("/silent"), kPatience);
  client->async_request(request_to("/silent"), kPatience, [](const dxl::Result<dxl::Reply>&) {})
      .cancel();
  ASSERT_TRUE(broker.wait_for("PUBLISH /silent ", 3));
  broker.drop();
  EXPECT_EQ(describe(called_off.get()), "failed not_connected");
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /mcafee/client/{me}", 2));
  ASSERT_TRUE(client->connect());
  const dxl::ClientStats stats = client->stats();
  EXPECT_EQ(stats.requests, 5U);
  EXPECT_EQ(stats.replies, 2U);
  EXPECT_EQ(stats.time_outs, 1U);
  EXPECT_EQ(stats.cancelled, 1U);
  EXPECT_EQ(stats.failed_requests, 1U);
  EXPECT_EQ(stats.late_answers, 1U);
  EXPECT_EQ(stats.reconnects, 1U);
  EXPECT_GT(stats.bytes_sent, 100U);
  EXPECT_GT(stats.bytes_received, 100U);
  EXPECT_EQ(stats.queued, 0U);
}

TEST(ClientState, FallsBackToMqtt31AndStaysThere) {
  FakeBroker broker;
  broker.set({.only = mqtt::Version::k31});
  dxl::ClientOptions options = quick_options();
  options.reconnect = false;  // one pass is enough
  const auto client = make_client(broker, options);
  const auto connected = client->connect();
  ASSERT_TRUE(connected) << connected.error().message;
  broker.answer("/service", "old");
  EXPECT_EQ(describe(client->request(request_to("/service"))), "response old");
  ASSERT_TRUE(client->disconnect());
  ASSERT_TRUE(client->connect());
  EXPECT_TRUE(broker.wait_for("CONNECT 3.1", 2));
  EXPECT_TRUE(broker.wait_for("CONNECT", 1));
}

TEST(ClientState, ABrokerThatRefusesBothVersionsIsNotAskedForEver) {
  FakeBroker broker;
  broker.set({.connack = mqtt::ConnectCode::kBadVersion});
  dxl::ClientOptions options = quick_options();
  options.reconnect = false;
  const auto client = make_client(broker, options);
  const auto connected = client->connect();
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("CONNACK 1 (unacceptable protocol version)"));
  const auto log = broker.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "CONNECT"), 1);
  EXPECT_EQ(std::count(log.begin(), log.end(), "CONNECT 3.1"), 1);
}

TEST(ClientState, EveryConnackCodeHasWords) {
  const std::vector<std::pair<int, const char*>> cases{{1, "unacceptable protocol version"},
                                                       {2, "client id rejected"},
                                                       {3, "broker unavailable"},
                                                       {4, "bad user name or password"},
                                                       {5, "not authorised"},
                                                       {6, "unknown reason"},
                                                       {255, "unknown reason"}};
  for (const auto& [code, words] : cases) {
    FakeBroker broker;
    broker.set({.connack = static_cast<mqtt::ConnectCode>(code)});
    dxl::ClientOptions options = quick_options();
    options.reconnect = false;
    const auto client = make_client(broker, options);
    const auto connected = client->connect();
    ASSERT_FALSE(connected);
    EXPECT_THAT(connected.error().message,
                HasSubstr("CONNACK " + std::to_string(code) + " (" + words + ")"));
  }
}

}  // namespace
}  // namespace tiara::sdk
