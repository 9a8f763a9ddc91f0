// For tests: a broker over plain TCP, driven with raw MQTT bytes.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "broker/broker.hpp"
#include "broker/raw_client.hpp"
#include "broker/test_messages.hpp"

namespace tiara::broker {

inline constexpr std::string_view kBrokerId = "11111111-1111-1111-1111-111111111111";

// With one I/O thread and with several: clients must not be able to tell.
class PlainBroker : public testing::TestWithParam<unsigned> {
 protected:
  void start(BrokerLimits limits = {}, fabric::Policy policy = {}) {
    auto started = Broker::start({.broker_id = std::string(kBrokerId),
                                  .listen_addresses = {"127.0.0.1"},
                                  .port = 0,
                                  .tls = nullptr,
                                  .test_mode = test_mode,
                                  .threads = GetParam(),
                                  .limits = limits},
                                 fabric::Authorization(std::move(policy)));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    broker = *std::move(started);
  }
  RawClient client() const { return RawClient(broker->port()); }

  // A client with a will that leaves, with DISCONNECT or without.
  void come_and_go(std::string_view will_topic, bool goodbye) const {
    RawClient mortal = client();
    mortal.send(connect_packet(6, 60, text_field(will_topic) + text_field("gone")));
    EXPECT_EQ(mortal.receive(), kConnected);
    if (!goodbye) return;
    mortal.send(kDisconnect);
    EXPECT_TRUE(mortal.wait_closed());
  }

  // Of `id` for requests on `channel`; the broker's answer comes to `service`, which is awaited.
  static void register_service(RawClient& service, const std::string& id,
                               const std::string& channel) {
    const std::string reply_to = "/mcafee/client/" + id;
    service.subscribe(channel);
    service.subscribe(reply_to);
    service.send(publish_packet("/mcafee/service/dxl/svcregistry/register",
                                request(registration(id, channel), reply_to)));
    EXPECT_EQ(service.receive().head, 0x30);
  }

  // Waits until the broker counts so many clients; they leave a little after their socket.
  bool wait_connections(std::uint64_t count) const {
    const auto deadline = std::chrono::steady_clock::now() + RawClient::kPatience;
    while (broker->status().connections != count)
      if (std::chrono::steady_clock::now() > deadline) return false;
    return true;
  }

  bool test_mode = false;
  std::unique_ptr<Broker> broker;
};

// The text after the MQTT topic of a delivered packet.
inline std::string payload_of(const RawPacket& packet, std::string_view topic) {
  return packet.body.size() < topic.size() + 2 ? "" : packet.body.substr(topic.size() + 2);
}

}  // namespace tiara::broker
