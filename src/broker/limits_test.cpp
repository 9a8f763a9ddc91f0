// Each limit over the wire: what is refused, what the client learns, and that it is counted.
#include "broker/limits.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "broker/plain_broker.hpp"
#include "broker/publish_rate.hpp"

namespace tiara::broker {
namespace {

class Limits : public PlainBroker {
 protected:
  std::uint64_t hits(Limit limit) const {
    for (const auto& [name, count] : broker->status().limits)
      if (name == limit) return count;
    return 0;
  }
  // Sends to a fresh client and expects it to be closed for `limit`.
  void expect_closed(const std::string& bytes, Limit limit) {
    const std::uint64_t before = hits(limit);
    RawClient raw = client();
    raw.send(bytes);
    EXPECT_TRUE(raw.wait_closed()) << to_string(limit);
    EXPECT_EQ(hits(limit), before + 1) << to_string(limit);
  }
};

TEST(LimitNames, AreAllDifferent) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kLimitCount; ++i) names.insert(to_string(static_cast<Limit>(i)));
  EXPECT_EQ(names.size(), kLimitCount);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST_P(Limits, CloseWhoExceedsThem) {
  start({.message_bytes = 2'000,
         .connect_bytes = 100,
         .subscriptions_per_client = 3,
         .subscription_bytes_per_client = 400,
         .topic_bytes = 200,
         .topic_levels = 10});
  const std::string kMany(200, 'a'), kDeep = "/1/2/3/4/5/6/7/8/9/10";
  expect_closed(raw_packet(0x10, std::string(101, 'x')), Limit::kConnectBytes);
  expect_closed(connect_packet() + raw_packet(0x30, std::string(8 * 2'000 + 1, 'x')),
                Limit::kMessageBytes);
  expect_closed(connect_packet() + subscribe_packet(std::string(2'000, 'x')), Limit::kMessageBytes);
  expect_closed(connect_packet() + publish_packet("/" + kMany, "x"), Limit::kTopicBytes);
  expect_closed(connect_packet() + subscribe_packet("/" + kMany), Limit::kTopicBytes);
  expect_closed(connect_packet() + publish_packet(kDeep, "x"), Limit::kTopicLevels);
  expect_closed(connect_packet() + subscribe_packet(kDeep), Limit::kTopicLevels);
  expect_closed(connect_packet() + subscribe_packet("/1") + subscribe_packet("/2") +
                    subscribe_packet("/3") + subscribe_packet("/4"),
                Limit::kSubscriptionsPerClient);
  expect_closed(connect_packet() + subscribe_packet(kMany) + subscribe_packet(kMany.substr(1)),
                Limit::kSubscriptionBytesPerClient);
  // At the limits all is well.
  RawClient raw = client();
  raw.enter();
  raw.subscribe(kMany);
  raw.subscribe(kDeep.substr(2));
  raw.send(publish_packet(kMany, std::string(1'798, 'x')));
  EXPECT_EQ(raw.receive(), published(kMany, std::string(1'798, 'x')));
}

TEST_P(Limits, AnOversizeMessageIsSkippedAndTheConnectionKept) {
  start({.message_bytes = 10'000});
  RawClient sender = client(), watcher = client();
  sender.enter();
  watcher.enter();
  sender.subscribe("/mcafee/client/{sender}");
  watcher.subscribe("/t");
  const std::string big(50'000, 'x');
  sender.send(publish_packet("/t", event(big)));
  sender.send(raw_packet(0x32, text_field("/t") + "\0\5"s + event(big)));
  EXPECT_EQ(sender.receive(), (RawPacket{0x40, "\0\5"s}));
  const std::string asked = request(big, "/mcafee/client/{sender}");
  sender.send(publish_packet("/svc", asked));
  const std::string answer = payload_of(sender.receive(), "/mcafee/client/{sender}");
  const auto error = dxl::decode_message(answer);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_code, 0x80000014U);
  EXPECT_EQ(error->error_message,
            fmt::format("message of {} bytes exceeds the limit of 10000", asked.size() + 6));
  EXPECT_EQ(error->request_message_id, "{request}");
  // Java reads codes as int32 only.
  EXPECT_NE(answer.find("\xd2\x80\x00\x00\x14"s), std::string::npos);
  sender.send(publish_packet("/t", "small"));
  EXPECT_EQ(watcher.receive(), published("/t", "small"));
  EXPECT_EQ(hits(Limit::kMessageBytes), 3U);
}

TEST_P(Limits, AFastPublisherIsSlowedAndLosesNothing) {
  start({.publish_rate = 50});
  RawClient publisher = client(), subscriber = client();
  publisher.enter();
  subscriber.enter();
  subscriber.subscribe("/t");
  const auto began = std::chrono::steady_clock::now();
  std::string all;
  for (int i = 0; i < 100; ++i) all += publish_packet("/t", std::to_string(i));
  publisher.send(all);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(subscriber.receive(), published("/t", std::to_string(i)));
  // The first 50 are a second's worth at once.
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(900));
  EXPECT_GE(hits(Limit::kPublishRate), 1U);
}

TEST(PublishRate, HoldsASecondsWorth) {
  base::SteadyTime now{};
  PublishRate rate(10, now);
  const auto taken = [&] {
    int count = 0;
    while (rate.take(now)) ++count;
    return count;
  };
  EXPECT_EQ(taken(), 10);
  EXPECT_EQ(rate.wait(), std::chrono::milliseconds(100));
  now += std::chrono::milliseconds(350);
  EXPECT_EQ(taken(), 3);
  now += std::chrono::hours(1);
  EXPECT_EQ(taken(), 10);
}

// Fills what the kernel takes, and then the broker's own output for `slow`, which does not read.
void fill(RawClient& publisher, RawClient& witness, std::string_view topic, std::size_t bytes) {
  const std::string payload(64 * 1024, 'x');
  for (std::size_t sent = 0; sent < bytes; sent += payload.size()) {
    publisher.send(publish_packet(topic, payload));
    ASSERT_EQ(witness.receive(), published(topic, payload));
  }
}

// More than the two sockets of a loopback connection hold together.
constexpr std::size_t kMoreThanSocketsHold = 24 * 1024 * 1024;

TEST_P(Limits, ASlowConsumerMayBeKeptAndMissMessages) {
  start({.outgoing_bytes = 1024 * 1024, .slow_consumer = SlowConsumer::kDrop});
  RawClient slow = client(), witness = client(), publisher = client();
  for (RawClient* each : {&slow, &witness, &publisher}) each->enter();
  slow.subscribe("/t");
  witness.subscribe("/t");
  fill(publisher, witness, "/t", kMoreThanSocketsHold);
  EXPECT_GE(hits(Limit::kOutgoingBytes), 1U);
  EXPECT_GE(broker->status().dropped_messages, 1U);
  EXPECT_EQ(broker->status().connections, 3U);
  const std::size_t got = slow.receive_all().size();  // what was kept for it, whole packets
  EXPECT_GE(got, 1U);
  EXPECT_LT(got, kMoreThanSocketsHold / (64 * 1024));
  publisher.send(publish_packet("/t", "again"));
  EXPECT_EQ(slow.receive(), published("/t", "again"));
}

TEST_P(Limits, ChangeForThoseWhoAreConnected) {
  start({});
  RawClient watcher = client(), sender = client();
  for (RawClient* each : {&watcher, &sender}) each->enter();
  watcher.subscribe("/t");
  sender.send(publish_packet("/t", std::string(10'000, 'x')));
  EXPECT_EQ(watcher.receive(), published("/t", std::string(10'000, 'x')));

  BrokerLimits limits;
  limits.message_bytes = 2'000;
  limits.connections = 2;
  broker->reconfigure({.limits = limits});
  sender.send(publish_packet("/t", std::string(10'000, 'x')));
  sender.send(publish_packet("/t", "after"));
  EXPECT_EQ(watcher.receive(), published("/t", "after"));
  EXPECT_EQ(hits(Limit::kMessageBytes), 1U);
  EXPECT_EQ(broker->status().connections, 2U);  // nobody was dropped
}

TEST_P(Limits, RequestsForASlowServiceAreAnsweredOverloaded) {
  start({.request_backlog_bytes = 256 * 1024});
  RawClient slow = client(), witness = client(), asker = client();
  for (RawClient* each : {&slow, &witness, &asker}) each->enter();
  slow.subscribe("/t");
  witness.subscribe("/t");
  asker.subscribe("/mcafee/client/{asker}");
  register_service(slow, "{slow}", "/svc");
  for (int round = 0; hits(Limit::kRequestBacklogBytes) == 0 && round < 200; ++round) {
    fill(asker, witness, "/t", 1024 * 1024);
    asker.send(publish_packet("/svc", request("ping", "/mcafee/client/{asker}")));
    asker.receive_all();
  }
  asker.send(publish_packet("/svc", request("ping", "/mcafee/client/{asker}")));
  const std::string answer = payload_of(asker.receive(), "/mcafee/client/{asker}");
  const auto error = dxl::decode_message(answer);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_code, 0x80000002U);
  EXPECT_EQ(broker->status().services, 1U);
}

TEST_P(Limits, WhoHoldsMostIsClosedWhenMemoryIsShort) {
  start({.outgoing_bytes = 1024 * 1024 * 1024, .buffered_bytes = 4 * 1024 * 1024});
  RawClient slow = client(), witness = client(), publisher = client();
  for (RawClient* each : {&slow, &witness, &publisher}) each->enter();
  slow.subscribe("/t");
  witness.subscribe("/t");
  fill(publisher, witness, "/t", kMoreThanSocketsHold);
  EXPECT_TRUE(slow.wait_closed());
  EXPECT_GE(hits(Limit::kBufferedBytes), 1U);
  EXPECT_TRUE(wait_connections(2));
}

TEST_P(Limits, SilenceIsCounted) {
  start({.connect_deadline = std::chrono::milliseconds(50)});
  RawClient mute = client();
  EXPECT_TRUE(mute.wait_closed());
  EXPECT_EQ(hits(Limit::kConnectSeconds), 1U);
  RawClient brief = client();
  brief.send(connect_packet(2, 1));
  EXPECT_TRUE(brief.wait_closed());
  EXPECT_EQ(hits(Limit::kKeepAliveSeconds), 1U);
}

// Its pings wait in the kernel behind its backlog; that it takes what is sent says that it lives.
TEST_P(Limits, ASlowReaderThatTakesItsMessagesIsNotSilent) {
  start({.outgoing_bytes = 1024 * 1024 * 1024});
  // With little room in the kernel its progress is steady, not in steps of megabytes.
  RawClient slow(broker->port(), 64 * 1024);
  RawClient witness = client(), publisher = client();
  slow.send(connect_packet(2, 1));
  EXPECT_EQ(slow.receive(), kConnected);
  witness.enter();
  publisher.enter();
  slow.subscribe("/t");
  witness.subscribe("/t");
  fill(publisher, witness, "/t", kMoreThanSocketsHold);
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t received = 0; received < kMoreThanSocketsHold / (64 * 1024);) {
    slow.send(kPing);
    ASSERT_FALSE(HasFailure()) << "after " << received << " messages";
    const RawPacket packet = slow.receive();
    if (packet == kPong) continue;
    ASSERT_EQ(packet.head, 0x30) << "closed after " << received << " messages";
    ++received;
    if (std::chrono::steady_clock::now() < began + std::chrono::seconds(4))
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  // Twice the patience.
  EXPECT_GT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
}

INSTANTIATE_TEST_SUITE_P(Threads, Limits, testing::Values(1U, 3U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace tiara::broker
