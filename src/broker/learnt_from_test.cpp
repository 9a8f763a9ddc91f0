// What went wrong in other brokers, tried on ours over the wire (docs/security-lessons.md).
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>

#include "broker/plain_broker.hpp"

namespace tiara::broker {
namespace {

// What one idle connection may hold.
constexpr std::uint64_t kIdle = 1'024;

class LearntFrom : public PlainBroker {
 protected:
  std::uint64_t hits(Limit limit) const {
    for (const auto& [name, count] : broker->status().limits)
      if (name == limit) return count;
    return 0;
  }
  void set(fabric::Policy policy) const {
    broker->set_authorization(fabric::Authorization(std::move(policy)));
  }
  // Somebody else's ping is answered.
  void expect_served() const {
    RawClient other = client();
    other.enter();
    other.send(kPing);
    EXPECT_EQ(other.receive(), kPong);
  }
  bool wait_buffered_at_most(std::uint64_t bytes) const {
    const auto deadline = std::chrono::steady_clock::now() + RawClient::kPatience;
    while (broker->status().buffered_bytes > bytes)
      if (std::chrono::steady_clock::now() > deadline) return false;
    return true;
  }
};

// CVE-2021-34434: the subscription outlived the right to it.
TEST_P(LearntFrom, CVE_2021_34434_ASubscriptionWhoseRightIsRevokedGetsNothingMore) {
  start();
  RawClient sender = client(), watcher = client();
  sender.enter();
  watcher.enter();
  watcher.subscribe("/t/#");
  watcher.subscribe("/+/a");
  watcher.subscribe("/done");
  sender.send(publish_packet("/t/a", "1"));
  EXPECT_EQ(watcher.receive(), published("/t/a", "1"));
  set({.rules = {{fabric::Direction::kReceive, "/t/#", {}, {}}}});
  sender.send(publish_packet("/t/a", "2"));
  sender.send(publish_packet("/done", "3"));
  EXPECT_EQ(watcher.receive(), published("/done", "3"));
  // Subscribing again does not help, and needs no help when the right is back.
  watcher.subscribe("/t/a");
  sender.send(publish_packet("/t/a", "4"));
  sender.send(publish_packet("/done", "5"));
  EXPECT_EQ(watcher.receive(), published("/done", "5"));
  set({});
  sender.send(publish_packet("/t/a", "6"));
  EXPECT_EQ(watcher.receive(), published("/t/a", "6"));
}

// CVE-2018-12546: a retained message was still given out when its sender had lost the right to
// publish it. Nothing is retained, so nothing outlives a right.
TEST_P(LearntFrom, CVE_2018_12546_NothingIsRetainedForWhoComesLater) {
  start();
  RawClient sender = client();
  sender.enter();
  sender.send(raw_packet(0x31, text_field("/t") + "kept?"));
  sender.send(raw_packet(0x33, text_field("/t") + "\0\5"s + "kept?"));
  sender.send(raw_packet(0x35, text_field("/t") + "\0\6"s + "kept?"));
  sender.send(
      connect_packet());  // a protocol error: its will is published, and not retained either
  RawClient mortal = client();
  mortal.send(connect_packet(0x26, 60, text_field("/t") + text_field("last words")));
  EXPECT_EQ(mortal.receive(), kConnected);
  mortal.send(connect_packet());
  EXPECT_TRUE(mortal.wait_closed());
  EXPECT_TRUE(wait_connections(0));
  set({.rules = {{fabric::Direction::kSend, "/t", {}, {}}}});
  RawClient late = client();
  late.enter();
  for (const char* filter : {"/t", "/+", "/t/#"}) late.subscribe(filter);
  EXPECT_EQ(late.receive_all(), std::vector<RawPacket>{});
}

// CVE-2020-13849: the keep-alive is the client's to choose, so that it kept its connection for
// nothing. The original's clients ask for 30 minutes.
TEST_P(LearntFrom, CVE_2020_13849_TheServerLimitsAnEndlessKeepAlive) {
  start({.keep_alive_max = std::chrono::seconds(1)});
  RawClient none = client(), longest = client(), modest = client();
  none.send(connect_packet(2, 0));
  longest.send(connect_packet(2, 65'535));
  modest.send(connect_packet(2, 1));
  for (RawClient* each : {&none, &longest, &modest}) EXPECT_EQ(each->receive(), kConnected);
  for (RawClient* each : {&none, &longest, &modest}) EXPECT_TRUE(each->wait_closed());
  EXPECT_TRUE(wait_connections(0));
}

// CVE-2021-41039: properties of one packet took time by their square. MQTT 3.1.1 has none; here few
// bytes may ask for much: lists of services, several in one segment.
TEST_P(LearntFrom, CVE_2021_41039_ServiceQueriesOfOneClientDoNotHoldUpTheOthers) {
  start();
  RawClient asker = client(), other = client(), service = client();
  for (RawClient* each : {&asker, &other, &service}) each->enter();
  const std::string channel(4'000, 'x');
  for (int i = 0; i < 200; ++i)
    register_service(service, "{s" + std::to_string(i) + "}", "/" + std::to_string(i) + channel);
  std::string all;
  for (int i = 0; i < 12; ++i)
    all += publish_packet("/mcafee/service/dxl/svcregistry/query",
                          request("{}", "/mcafee/client/{asker}"));
  asker.send(all + kPing);
  // The others get in between: they are served long before the last query is.
  std::size_t pongs = 0;
  while (asker.receive_or(std::chrono::milliseconds(0)) != kPong && pongs < 10'000) {
    other.send(kPing);
    ASSERT_EQ(other.receive(), kPong);
    ++pongs;
  }
  EXPECT_GE(pongs, 3U);
}

// The same by subscriptions: a level of `+` is two bytes and a step of every publish. What a client
// may ask for is measured by the steps, and at its limit the others are still served.
TEST_P(LearntFrom, CVE_2021_41039_DeepFiltersCountForTheWorkTheyMake) {
  start({.subscription_bytes_per_client = 100'000});
  const auto deep = [](int number) {
    std::string filter;
    for (int level = 0; level < 100; ++level) filter += (number >> (level % 8)) & 1 ? "a/" : "+/";
    return filter + "#";
  };
  RawClient greedy = client(), publisher = client();
  greedy.enter();
  publisher.enter();
  int granted = 0;
  while (granted < 100) {
    greedy.send(subscribe_packet(deep(granted)));
    if (greedy.receive() != kSubscribed) break;
    ++granted;
  }
  EXPECT_LE(granted, 100'000 / (100 * 100));
  EXPECT_EQ(hits(Limit::kSubscriptionBytesPerClient), 1U);

  RawClient modest = client();
  modest.enter();
  for (int number = 0; number < granted; ++number) modest.subscribe(deep(number));
  std::string topic;
  for (int level = 0; level < 100; ++level) topic += "a/";
  for (int i = 0; i < 200; ++i) publisher.send(publish_packet(topic + "x", "1"));
  expect_served();
  EXPECT_EQ(publisher.receive_all(), std::vector<RawPacket>{});
  EXPECT_GE(modest.receive_all().size(), GetParam() == 1 ? 200U : 0U);
}

// CVE-2023-0809: a first packet that was no CONNECT was taken in, up to 256 MiB of it. Here its
// first byte ends it, and a CONNECT costs no more than connect_bytes.
TEST_P(LearntFrom, CVE_2023_0809_NoMemoryBeforeConnect) {
  start({.connect_bytes = 1'000});
  for (const char first : {'\x30', '\x82', '\xc0', '\xe0', '\x00', '\xf0', 'G'}) {
    RawClient stranger = client();
    stranger.send(first + "\xff\xff\xff\x7f"s + std::string(1'000, 'x'));
    EXPECT_TRUE(stranger.wait_closed()) << int{first};
  }
  const std::string unfinished = raw_packet(0x10, std::string(1'000, 'x')).substr(0, 1'000);
  std::vector<RawClient> waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.push_back(client());
    waiting.back().send(unfinished);
  }
  RawClient large = client();
  large.send("\x10\xff\xff\xff\x7f"s + std::string(1'000, 'x'));
  EXPECT_TRUE(large.wait_closed());
  expect_served();
  EXPECT_LE(broker->status().buffered_bytes, 110U * 2'048);
  waiting.clear();
  EXPECT_TRUE(wait_connections(0));
  EXPECT_TRUE(wait_buffered_at_most(0));
  EXPECT_EQ(broker->status().connects, 1U);  // nobody else came in
}

// CVE-2023-3592: a will that was refused was not given back. The sanitizer would tell of one that
// is forgotten; what this shows is that each way of ending leaves nothing and reaches nobody.
TEST_P(LearntFrom, CVE_2023_3592_AWillThatComesToNothingLeavesNothing) {
  start({.connect_bytes = 60'000});
  RawClient watcher = client();
  watcher.enter();
  watcher.subscribe("/w");
  const std::string words = text_field(std::string(50'000, 'w'));
  const std::string refused[] = {
      connect_packet(6, 60, text_field("/w/#") + words),           // a filter
      connect_packet(6, 60, text_field("") + words),               // no topic
      connect_packet(6, 60, text_field("/\xff") + words),          // not UTF-8
      connect_packet(6, 60, text_field("/w") + "\xff\xff" + "x"),  // longer than the packet
      connect_packet(0x1e, 60, text_field("/w") + words),          // QoS 3
      raw_packet(0x10, text_field("MQTT") + "\x05\x06\0\x3c"s + text_field("x") + "\0"s +
                           text_field("/w") + words),  // MQTT 5, where it was found
      connect_packet(6, 60, text_field("/w") + words) + kDisconnect,
  };
  for (int round = 0; round < 10; ++round)
    for (const std::string& bytes : refused) {
      RawClient mortal = client();
      mortal.send(bytes);
      ASSERT_TRUE(mortal.wait_closed()) << testing::PrintToString(bytes.substr(0, 40));
    }
  EXPECT_TRUE(wait_connections(1));
  EXPECT_EQ(watcher.receive_all(), std::vector<RawPacket>{});
  EXPECT_TRUE(wait_buffered_at_most(kIdle));
}

// CVE-2023-28366: QoS 2 publishes that were never released stayed in memory. A repetition is known
// by a bit, and the message itself is gone with its delivery.
TEST_P(LearntFrom, CVE_2023_28366_UnreleasedQos2PublishesHoldNoMessages) {
  start();
  RawClient sender = client(), watcher = client();
  sender.enter();
  watcher.enter();
  watcher.subscribe("/t");
  const auto publish = [](unsigned id) {
    const std::string number{static_cast<char>(id >> 8), static_cast<char>(id & 255U)};
    return raw_packet(0x34, text_field("/nobody") + number + std::string(100, 'x'));
  };
  for (int round = 0; round < 2; ++round)
    for (unsigned id = 1; id <= 65'535; id += 255) {
      std::string batch;
      for (unsigned i = 0; i < 255; ++i) batch += publish(id + i);
      sender.send(batch);
      for (unsigned i = 0; i < 255; ++i) ASSERT_EQ(sender.receive().head, 0x50);
    }
  EXPECT_EQ(broker->status().messages_in, 65'535U);
  EXPECT_TRUE(wait_buffered_at_most(64 * 1024));
  // It still takes what is new, and an id that was released.
  sender.send(raw_packet(0x62, "\0\1"s) + raw_packet(0x34, text_field("/t") + "\0\1"s + "new") +
              raw_packet(0x34, text_field("/t") + "\0\1"s + "again"));
  EXPECT_EQ(watcher.receive(), published("/t", "new"));
  EXPECT_EQ(sender.receive(), (RawPacket{0x70, "\0\1"s}));
  sender.receive_all();
  EXPECT_EQ(watcher.receive_all(), std::vector<RawPacket>{});
}

// CVE-2024-8376: a leak and a use after free in sequences of packets of which each was harmless.
// fuzz/connection.cpp looks further, into one broker; this is the whole broker with its threads.
TEST_P(LearntFrom, CVE_2024_8376_RandomSequencesOfPacketsHarmNobody) {
  start({.message_bytes = 20'000, .subscriptions_per_client = 8, .outgoing_bytes = 256 * 1024});
  std::mt19937 random(GetParam());
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::vector<std::string> kPackets{
      connect_packet(),
      connect_packet(6, 1, text_field("/t") + text_field("will")),
      connect_packet(0x36, 0, text_field("/mcafee/client/{id}") + text_field("will")),
      subscribe_packet("/t"),
      subscribe_packet("#", 2),
      subscribe_packet("/+/" + std::string(50, '/')),
      subscribe_packet("/mcafee/client/{id}", 1),
      raw_packet(0xa2, "\0\x9"s + text_field("/t")),
      raw_packet(0xa2, "\0\x9"s + text_field("#")),
      publish_packet("/t", "opaque"),
      publish_packet("/t", event("dxl")),
      publish_packet("/svc", request("ask", "/mcafee/client/{id}")),
      publish_packet("/t", std::string(30'000, 'x')),
      publish_packet("/mcafee/service/dxl/svcregistry/register",
                     request(registration("{s}", "/svc"), "/mcafee/client/{id}")),
      publish_packet("/mcafee/service/dxl/svcregistry/unregister",
                     request(R"({"serviceGuid":"{s}"})", "/mcafee/client/{id}")),
      publish_packet("/mcafee/service/dxl/svcregistry/query", request("{}", "/mcafee/client/{id}")),
      raw_packet(0x3d, text_field("/t") + "\0\1"s + event("twice")),
      raw_packet(0x32, text_field("/t") + "\0\2"s + event("once")),
      raw_packet(0x62, "\0\1"s),
      raw_packet(0x40, "\0\1"s),
      raw_packet(0x50, "\0\1"s),
      raw_packet(0x70, "\0\1"s),
      kPing,
      kDisconnect};
  RawClient witness = client();
  witness.enter();
  witness.subscribe("/witness");
  std::array<std::optional<net::RawSocket>, 6> others;
  constexpr int kLives = 300;
  for (int life = 0; life < kLives; ++life) {
    std::string bytes = pick(8) == 0 ? "" : kPackets[pick(2)];
    for (std::size_t n = pick(40); n > 0; --n) {
      std::string next = kPackets[3 + pick(kPackets.size() - 3)];
      if (pick(30) == 0) next[pick(next.size())] = static_cast<char>(pick(256));
      bytes += next;
    }
    if (pick(4) == 0) bytes.resize(pick(bytes.size() + 1));
    auto& other = others[pick(others.size())];
    other.emplace(net::RawSocket::connect(broker->port()));  // who was there is gone
    other->send_some(bytes);
    if (pick(3) == 0) other->receive_some();
    witness.send(publish_packet("/witness", std::to_string(life)));
    ASSERT_EQ(witness.receive(), published("/witness", std::to_string(life))) << life;
  }
  for (auto& other : others) other.reset();
  EXPECT_TRUE(wait_connections(1));
  EXPECT_EQ(broker->status().services, 0U);
  EXPECT_TRUE(wait_buffered_at_most(kIdle));
}

INSTANTIATE_TEST_SUITE_P(Threads, LearntFrom, testing::Values(1U, 3U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace tiara::broker
