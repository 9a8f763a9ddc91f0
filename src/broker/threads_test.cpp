// Several I/O threads: what must be the same as with one.
#include <gtest/gtest.h>

#include <thread>

#include "broker/plain_broker.hpp"

namespace tiara::broker {
namespace {

class Threads : public PlainBroker {};

TEST_P(Threads, EachSubscriberGetsEachPublishersMessagesInOrder) {
  start();
  constexpr int kMessages = 2'000;
  constexpr std::size_t kClients = 6;
  std::vector<RawClient> subscribers, publishers;
  for (std::size_t i = 0; i < kClients; ++i) {
    subscribers.push_back(client());
    subscribers.back().enter();
    subscribers.back().subscribe("/order/#");
    publishers.push_back(client());
    publishers.back().enter();
  }
  std::vector<std::thread> threads;
  for (std::size_t p = 0; p < kClients; ++p)
    threads.emplace_back([&publisher = publishers[p], p] {
      const std::string topic = "/order/" + std::to_string(p);
      for (int i = 0; i < kMessages; ++i) publisher.send(publish_packet(topic, std::to_string(i)));
    });
  for (RawClient& subscriber : subscribers)
    threads.emplace_back([&subscriber] {
      std::vector<int> next(kClients, 0);
      for (std::size_t n = 0; n < kClients * kMessages; ++n) {
        const RawPacket packet = subscriber.receive();
        ASSERT_EQ(packet.head, 0x30);
        const auto publisher = static_cast<std::size_t>(packet.body[9] - '0');
        ASSERT_EQ(packet.body.substr(10), std::to_string(next[publisher]++));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Threads, AClientsOwnPacketsTakeEffectInOrder) {
  start();
  RawClient raw = client();
  raw.enter();
  // All in one segment: each publish sees the subscriptions as they stand at that point.
  std::string all;
  std::vector<RawPacket> expected;
  for (int i = 0; i < 50; ++i) {
    all += publish_packet("/t", "before") + subscribe_packet("/t") + publish_packet("/t", "in") +
           raw_packet(0xa2, "\0\x9"s + text_field("/t"));
    expected.insert(expected.end(),
                    {kSubscribed, published("/t", "in"), RawPacket{0xb0, "\0\x9"s}});
  }
  raw.send(all);
  EXPECT_EQ(raw.receive_all(), expected);
}

TEST_P(Threads, ServicesAreFoundFromEveryThreadAtOnce) {
  start();
  RawClient service = client();
  service.enter();
  register_service(service, "{service}", "/svc");
  // The answer to the registration is the promise: from now on nobody is told there is none.
  for (int i = 0; i < 9; ++i) {
    RawClient asker = client();
    asker.enter();
    asker.send(publish_packet("/svc", request(std::to_string(i), "/mcafee/client/{a}")));
    const std::string asked = payload_of(service.receive(), "/svc");
    const auto got = dxl::decode_message(asked);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->payload, std::to_string(i));
  }
}

// If `packet` is a request on /svc.
void answer(RawClient& service, const RawPacket& packet) {
  const std::string asked = payload_of(packet, "/svc");
  const auto got = dxl::decode_message(asked);
  if (!got || got->type != dxl::MessageType::kRequest) return;
  dxl::MessageView response;
  response.type = dxl::MessageType::kResponse;
  response.request_message_id = got->message_id;
  service.send(publish_packet(got->reply_to_topic, encoded(response)));
}

// Clients come, register, ask and go on all threads at once: no request stays without an answer.
TEST_P(Threads, EveryRequestIsAnsweredWhileServicesComeAndGo) {
  start();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int s = 0; s < 3; ++s)
    threads.emplace_back([&, s] {
      const std::string id = "{s" + std::to_string(s) + "}", reply = "/mcafee/client/" + id;
      while (!stop) {
        RawClient service = client();
        service.enter();
        service.subscribe("/svc");
        service.subscribe(reply);
        service.send(publish_packet("/mcafee/service/dxl/svcregistry/register",
                                    request(registration(id, "/svc"), reply)));
        for (int i = 0; i < 20; ++i)
          answer(service, service.receive_or(std::chrono::milliseconds(50)));
        // Requests under way to it are answered before it goes: a service that vanishes with a
        // request in its hands is the requester's time-out, with one thread as with several.
        service.send(raw_packet(0xa2, "\0\x9"s + text_field("/svc")));
        for (const RawPacket& packet : service.receive_all()) answer(service, packet);
        service.receive_all();
      }
    });
  RawClient asker = client();
  asker.enter();
  asker.subscribe("/mcafee/client/{asker}");
  for (int i = 0; i < 400; ++i) {
    asker.send(publish_packet("/svc", request("?", "/mcafee/client/{asker}")));
    ASSERT_EQ(asker.receive().head, 0x30) << "request " << i << " was not answered";
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Threads, Threads, testing::Values(1U, 2U, 4U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace tiara::broker
