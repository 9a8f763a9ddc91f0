#include <cstdlib>

#include "mqtt/packet.hpp"

namespace tiara::mqtt {
namespace {

constexpr std::size_t kMaxString = 65'535;
constexpr std::uint8_t kSubscribeFlags = 0x02;  // reserved value; the same for UNSUBSCRIBE, PUBREL
constexpr std::uint8_t kCleanSession = 0x02;

void append_byte(std::size_t value, std::string& out) {
  out.push_back(static_cast<char>(static_cast<unsigned char>(value & 0xFF)));
}

void append_u16(std::size_t value, std::string& out) {
  append_byte(value >> 8, out);
  append_byte(value, out);
}

void append_string(std::string_view text, std::string& out) {
  if (text.size() > kMaxString) std::abort();  // the caller's bug: it validates before it encodes
  append_u16(text.size(), out);
  out.append(text);
}

void append_header(PacketType type, std::uint8_t flags, std::size_t remaining, std::string& out) {
  if (remaining > kMaxRemainingLength) std::abort();
  append_byte(static_cast<std::size_t>(type) << 4 | flags, out);
  do {
    append_byte((remaining & 0x7F) | (remaining > 0x7F ? 0x80 : 0), out);
    remaining >>= 7;
  } while (remaining != 0);
}

std::size_t length_field_size(std::size_t remaining) {
  std::size_t size = 1;
  while (remaining >>= 7) ++size;
  return size;
}

std::uint8_t required_flags(PacketType type) {
  return type == PacketType::kPubrel ? kSubscribeFlags : 0;
}

}  // namespace

void append_connect(const ConnectOptions& options, std::string& out) {
  const std::string_view name = options.version == Version::k311 ? "MQTT" : "MQIsdp";
  append_header(PacketType::kConnect, 0, 2 + name.size() + 4 + 2 + options.client_id.size(), out);
  append_string(name, out);
  append_byte(static_cast<std::size_t>(options.version), out);
  append_byte(kCleanSession, out);
  append_u16(options.keep_alive, out);
  append_string(options.client_id, out);
}

void append_connack(ConnectCode code, std::string& out) {
  append_header(PacketType::kConnack, 0, 2, out);
  append_byte(0, out);
  append_byte(static_cast<std::size_t>(code), out);
}

void append_publish_header(std::string_view topic, std::size_t payload_bytes, std::string& out) {
  append_header(PacketType::kPublish, 0, 2 + topic.size() + payload_bytes, out);
  append_string(topic, out);
}

void append_publish(std::string_view topic, std::string_view payload, std::string& out) {
  append_publish_header(topic, payload.size(), out);
  out.append(payload);
}

std::size_t publish_size(std::string_view topic, std::size_t payload_bytes) {
  const std::size_t remaining = 2 + topic.size() + payload_bytes;
  return 1 + length_field_size(remaining) + remaining;
}

void append_ack(PacketType type, std::uint16_t packet_id, std::string& out) {
  append_header(type, required_flags(type), 2, out);
  append_u16(packet_id, out);
}

void append_subscribe(std::uint16_t packet_id, std::string_view filter, std::string& out) {
  append_header(PacketType::kSubscribe, kSubscribeFlags, 2 + 2 + filter.size() + 1, out);
  append_u16(packet_id, out);
  append_string(filter, out);
  append_byte(0, out);  // QoS 0 is all DXL uses
}

void append_unsubscribe(std::uint16_t packet_id, std::string_view filter, std::string& out) {
  append_header(PacketType::kUnsubscribe, kSubscribeFlags, 2 + 2 + filter.size(), out);
  append_u16(packet_id, out);
  append_string(filter, out);
}

void append_suback(std::uint16_t packet_id, std::string_view codes, std::string& out) {
  append_header(PacketType::kSuback, 0, 2 + codes.size(), out);
  append_u16(packet_id, out);
  out.append(codes);
}

void append_pingreq(std::string& out) { append_header(PacketType::kPingreq, 0, 0, out); }
void append_pingresp(std::string& out) { append_header(PacketType::kPingresp, 0, 0, out); }
void append_disconnect(std::string& out) { append_header(PacketType::kDisconnect, 0, 0, out); }

}  // namespace tiara::mqtt
