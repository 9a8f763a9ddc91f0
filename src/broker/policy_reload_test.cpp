// A new policy acts with the next message of live connections: at publish, at delivery, for wills
// and for the choice of a service; also while messages flow.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "broker/plain_broker.hpp"

namespace tiara::broker {
namespace {

using fabric::Direction;

class PolicyReload : public PlainBroker {
 protected:
  void set(fabric::Policy policy) {
    broker->set_authorization(fabric::Authorization(std::move(policy)));
  }
  static fabric::Policy nobody(Direction direction, std::string topic) {
    return {.rules = {{direction, std::move(topic), {}, {}}}};
  }
};

TEST_P(PolicyReload, ActsAtTheNextPublish) {
  start();
  RawClient sender = client(), watcher = client();
  sender.enter();
  watcher.enter();
  watcher.subscribe("/t");
  sender.send(publish_packet("/t", "1"));
  EXPECT_EQ(watcher.receive(), published("/t", "1"));
  set(nobody(Direction::kSend, "/t"));
  sender.send(publish_packet("/t", "2"));
  EXPECT_EQ(sender.receive_all(), std::vector<RawPacket>{});
  set({});
  sender.send(publish_packet("/t", "3"));
  EXPECT_EQ(watcher.receive(), published("/t", "3"));
  EXPECT_EQ(broker->status().refused_publishes, 1U);
}

TEST_P(PolicyReload, ActsOnTheWillOfAConnectionThatWasThereBefore) {
  start();
  RawClient watcher = client();
  watcher.enter();
  watcher.subscribe("/w/#");
  {
    RawClient denied = client(), allowed = client();
    denied.send(connect_packet(6, 60, text_field("/w/denied") + text_field("gone")));
    EXPECT_EQ(denied.receive(), kConnected);
    allowed.send(connect_packet(6, 60, text_field("/w/allowed") + text_field("gone")));
    EXPECT_EQ(allowed.receive(), kConnected);
    set(nobody(Direction::kSend, "/w/denied"));
  }
  EXPECT_TRUE(wait_connections(1));
  EXPECT_EQ(watcher.receive(), published("/w/allowed", "gone"));
  EXPECT_EQ(watcher.receive_all(), std::vector<RawPacket>{});
  EXPECT_EQ(broker->status().refused_publishes, 1U);
}

TEST_P(PolicyReload, AServiceThatMayNoLongerReceiveIsNotChosen) {
  start();
  RawClient service = client(), asker = client();
  service.enter();
  asker.enter();
  register_service(service, "{s}", "/svc");
  asker.subscribe("/mcafee/client/{asker}");
  const auto ask = [&] {
    asker.send(publish_packet("/svc", request("q", "/mcafee/client/{asker}")));
  };
  ask();
  EXPECT_EQ(service.receive().head, 0x30);
  set(nobody(Direction::kReceive, "/svc"));
  ask();
  const auto answer = dxl::decode_message(payload_of(asker.receive(), "/mcafee/client/{asker}"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error_code, dxl::kServiceUnavailable);
  EXPECT_EQ(service.receive_all(), std::vector<RawPacket>{});
  set({});
  ask();
  EXPECT_EQ(service.receive().head, 0x30);
}

// The policy flips while a sender never pauses. What was sent while it denied must never arrive,
// whichever thread it comes through.
TEST_P(PolicyReload, UnderLoadNothingPassesWhileItIsDenied) {
  start();
  RawClient sender = client(), watcher = client();
  sender.enter();
  watcher.enter();
  watcher.subscribe("/t");
  std::atomic<bool> stop = false;
  std::thread noise([&] {
    RawClient busy = client();
    busy.enter();
    busy.subscribe("/noise");
    while (!stop) {
      busy.send(publish_packet("/noise", std::string(200, 'n')));
      EXPECT_EQ(busy.receive().head, 0x30);
    }
  });
  constexpr int kRounds = 20, kEach = 50;
  for (int round = 0; round < kRounds; ++round) {
    const bool denied = round % 2 == 1;
    set(denied ? nobody(round % 4 == 1 ? Direction::kSend : Direction::kReceive, "/t")
               : fabric::Policy{});
    for (int i = 0; i < kEach; ++i)
      sender.send(publish_packet("/t", denied ? "denied" : "allowed"));
    EXPECT_EQ(sender.receive_all(), std::vector<RawPacket>{});  // all of them are routed
    const auto got = watcher.receive_all();
    EXPECT_EQ(std::count(got.begin(), got.end(), published("/t", "denied")), 0) << round;
    const bool in_step = !denied && GetParam() == 1;  // with several threads some arrive later
    EXPECT_TRUE(!in_step || got.size() == std::size_t{kEach}) << round << ": " << got.size();
  }
  stop = true;
  noise.join();
  EXPECT_EQ(broker->status().refused_publishes, std::uint64_t{kRounds / 4 * kEach});
}

// The reply topic is that of the client id in CONNECT, and no certificate means no exception.
TEST_P(PolicyReload, TheDenyProfileShutsOutWhoHasNoCertificate) {
  start();
  RawClient raw = client();
  raw.enter();
  raw.subscribe("/mcafee/client/{id}");
  raw.send(publish_packet("/mcafee/client/{id}", "1"));
  EXPECT_EQ(raw.receive(), published("/mcafee/client/{id}", "1"));
  set({.profile = fabric::Profile::kDeny});
  raw.send(publish_packet("/mcafee/client/{id}", "2"));
  EXPECT_EQ(raw.receive_all(), std::vector<RawPacket>{});
}

INSTANTIATE_TEST_SUITE_P(Threads, PolicyReload, testing::Values(1U, 3U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace tiara::broker
