// For tests: a session with a recorder behind it, and packets as a broker sends them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dxl/topic.hpp"
#include "mqtt/packet.hpp"
#include "session/session.hpp"

namespace tiara::session {

constexpr base::SteadyTime at(int seconds) {
  return base::SteadyTime(std::chrono::seconds(seconds));
}

class CountingRandom final : public base::Random {
 public:
  std::uint64_t next() override { return ++value_ * 0x9e3779b97f4a7c15U; }

 private:
  std::uint64_t value_ = 0;
};

// What a session told its owner, one line per call.
class Recorder final : public SessionEvents {
 public:
  void on_ready() override { log.push_back("ready"); }
  void on_refused(const dxl::Error& error) override {
    log.push_back("refused " + std::string(dxl::to_string(error.code)));
    last_error = error;
  }
  void on_reply(RequestToken token, dxl::Result<dxl::Reply> reply) override {
    log.push_back("reply " + std::to_string(token) + " " + describe(reply));
  }
  void on_message(std::string_view topic, const dxl::MessageView& message) override {
    log.push_back("message " + std::string(topic) + " " + std::string(message.payload));
  }
  void on_undecodable(std::string_view topic, const dxl::Error&) override {
    log.push_back("undecodable " + std::string(topic));
  }
  void on_suback(std::uint16_t packet_id, bool granted) override {
    log.push_back("suback " + std::to_string(packet_id) + (granted ? " granted" : " refused"));
  }
  void on_unsuback(std::uint16_t packet_id) override {
    log.push_back("unsuback " + std::to_string(packet_id));
  }
  void on_pong(std::uint64_t ping) override { log.push_back("pong " + std::to_string(ping)); }

  std::vector<std::string> take() { return std::exchange(log, {}); }
  std::vector<std::string> log;
  dxl::Error last_error;

 private:
  static std::string describe(const dxl::Result<dxl::Reply>& reply) {
    if (!reply) return "failed " + std::string(dxl::to_string(reply.error().code));
    if (const auto* response = std::get_if<dxl::Response>(&*reply)) return response->payload;
    const auto& error = std::get<dxl::ErrorResponse>(*reply);
    return "error " + std::to_string(error.error_code) + " " + error.error_message;
  }
};

// Packets the session sent, one line each.
inline std::vector<std::string> sent(std::string& out) {
  std::vector<std::string> lines;
  std::string_view rest = out;
  while (!rest.empty()) {
    const auto frame = mqtt::next_frame(rest, mqtt::kMaxRemainingLength);
    if (!frame || !frame->has_value()) {
      ADD_FAILURE() << "the session sent half a packet";
      break;
    }
    const auto packet = mqtt::decode_packet(**frame, mqtt::Version::k311);
    if (!packet) {
      ADD_FAILURE() << packet.error().message;
      break;
    }
    if (const auto* connect = std::get_if<mqtt::Connect>(&*packet)) {
      lines.push_back("CONNECT " + std::string(connect->client_id) + " " +
                      std::to_string(connect->keep_alive) +
                      (connect->clean_session ? " clean" : " kept"));
    } else if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&*packet)) {
      subscribe->filters.for_each([&](std::string_view filter, std::uint8_t) {
        lines.push_back("SUBSCRIBE " + std::to_string(subscribe->packet_id) + " " +
                        std::string(filter));
      });
    } else if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&*packet)) {
      unsubscribe->filters.for_each([&](std::string_view filter, std::uint8_t) {
        lines.push_back("UNSUBSCRIBE " + std::to_string(unsubscribe->packet_id) + " " +
                        std::string(filter));
      });
    } else if (const auto* publish = std::get_if<mqtt::Publish>(&*packet)) {
      lines.push_back("PUBLISH " + std::string(publish->topic));
    } else if (const auto* ack = std::get_if<mqtt::Ack>(&*packet)) {
      lines.push_back("ACK " + std::to_string(static_cast<int>(ack->type)) + " " +
                      std::to_string(ack->packet_id));
    } else if (std::holds_alternative<mqtt::Pingreq>(*packet)) {
      lines.push_back("PINGREQ");
    } else if (std::holds_alternative<mqtt::Disconnect>(*packet)) {
      lines.push_back("DISCONNECT");
    }
    rest.remove_prefix((*frame)->total_bytes);
  }
  out.clear();
  return lines;
}

// The last message that was published, decoded.
inline dxl::MessageView published(std::string_view out) {
  const auto frame = mqtt::next_frame(out, mqtt::kMaxRemainingLength);
  const auto packet = mqtt::decode_packet(**frame, mqtt::Version::k311);
  return *dxl::decode_message(std::get<mqtt::Publish>(*packet).payload);
}

inline std::string connack(mqtt::ConnectCode code = mqtt::ConnectCode::kAccepted) {
  std::string bytes;
  mqtt::append_connack(code, bytes);
  return bytes;
}

inline std::string suback(std::uint16_t packet_id, std::string_view codes = {"\0", 1}) {
  std::string bytes;
  mqtt::append_suback(packet_id, codes, bytes);
  return bytes;
}

inline std::string publish(std::string_view topic, const dxl::MessageView& message) {
  std::string payload;
  dxl::append_message(message, payload);
  std::string bytes;
  mqtt::append_publish(topic, payload, bytes);
  return bytes;
}

inline dxl::MessageView response_to(std::string_view request_id, std::string_view payload) {
  dxl::MessageView view;
  view.type = dxl::MessageType::kResponse;
  view.message_id = "{answer}";
  view.request_message_id = request_id;
  view.payload = payload;
  return view;
}

inline dxl::MessageView request_with_id(std::string_view id) {
  dxl::MessageView view;
  view.type = dxl::MessageType::kRequest;
  view.message_id = id;
  view.payload = "question";
  return view;
}

class SessionTest : public testing::Test {
 protected:
  static constexpr std::string_view kReplyTopic = "/mcafee/client/{me}";

  void receive(const std::string& bytes, base::SteadyTime now = at(0)) {
    EXPECT_EQ(session.on_bytes(bytes, out, now), bytes.size());
  }
  void become_ready() {
    session.start(out, at(0));
    receive(connack());
    sent(out);
    receive(suback(reply_packet_id()));
    ASSERT_THAT(events.take(), testing::ElementsAre("ready"));
  }
  // Each start without other subscriptions uses one packet id, for the reply topic.
  static std::uint16_t reply_packet_id() { return 1; }
  void request(RequestToken token, std::string_view id, int deadline = 30) {
    session.send_request(token, "/service", request_with_id(id), at(deadline), out);
  }

  CountingRandom random;
  Recorder events;
  std::string out;
  Session session{{.client_id = "{me}", .keep_alive = std::chrono::seconds(60)}, events, random};
};

}  // namespace tiara::session
