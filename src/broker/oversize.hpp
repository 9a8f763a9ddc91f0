// A PUBLISH that is too long to be kept: its payload is skipped as it arrives, and what stands
// before and behind the payload is kept, so that a request can be answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mqtt/packet.hpp"

namespace tiara::broker {

class OversizePublish {
 public:
  // What is kept before and behind the payload, at most. Addressing that is longer is not read.
  static constexpr std::size_t kHeadBytes = 16 * 1024;
  static constexpr std::size_t kTailBytes = 64 * 1024;

  explicit OversizePublish(const mqtt::FrameHeader& header)
      : qos_(static_cast<std::uint8_t>(header.flags >> 1 & 3U)),
        body_bytes_(header.body_bytes),
        tail_begin_(header.body_bytes) {}

  // Takes what belongs to the packet's body and returns how much that was.
  std::size_t feed(std::string_view bytes);
  bool done() const { return fed_ == body_bytes_; }
  std::size_t body_bytes() const { return body_bytes_; }

  // Once done. Without payload: topic, QoS and packet id, and the DXL message's bytes with an empty
  // payload, or none if that was not readable.
  std::uint8_t qos() const { return qos_; }
  std::uint16_t packet_id() const { return packet_id_; }
  std::string_view topic() const { return topic_; }
  std::optional<std::string> message_without_payload() const;

 private:
  void read_head(std::size_t before);

  std::uint8_t qos_;
  std::size_t body_bytes_;
  std::size_t fed_ = 0;
  bool head_read_ = false;
  std::string head_;  // topic and id, then the message up to its payload once that was found
  std::size_t tail_begin_;
  std::string tail_;
  std::uint16_t packet_id_ = 0;
  std::string topic_;
  std::optional<std::string> envelope_;  // the message in front of its payload
};

}  // namespace tiara::broker
