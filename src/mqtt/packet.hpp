// MQTT 3.1 and 3.1.1 control packets as values and bytes. QoS 1 and 2 publishes are decoded so that
// the peer can be answered properly; DXL itself is QoS 0 throughout (DXL reference §1.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "dxl/result.hpp"

namespace tiara::mqtt {

enum class PacketType : std::uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrec = 5,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
};

enum class Version : std::uint8_t { k31 = 3, k311 = 4 };  // `MQIsdp`/3, `MQTT`/4

enum class ConnectCode : std::uint8_t {
  kAccepted = 0,
  kBadVersion = 1,
  kIdRejected = 2,
  kUnavailable = 3,
  kBadCredentials = 4,
  kNotAuthorised = 5,
};

inline constexpr std::size_t kMaxRemainingLength = 268'435'455;
inline constexpr std::size_t kMaxFiltersPerPacket = 1'000;

// One packet as it lies in the stream: type and flags of the first byte, and the bytes after the
// length field.
struct Frame {
  PacketType type;
  std::uint8_t flags;
  std::string_view body;
  std::size_t total_bytes;  // fixed header included: how much to skip
};

// What the first two to five bytes of a packet tell.
struct FrameHeader {
  PacketType type;
  std::uint8_t flags;
  std::size_t header_bytes;
  std::size_t body_bytes;  // the remaining length
};

// nullopt: more bytes are needed. kMalformed: the length field has five bytes or the type is 0 or
// 15.
dxl::Result<std::optional<FrameHeader>> peek_header(std::string_view bytes);

// Looks for one whole packet at the start of `bytes`. nullopt: more bytes are needed. kMalformed:
// the length field has five bytes or the type is 0 or 15. kLimitExceeded: the packet is longer than
// `max_body` (decided from the header, before the body has arrived).
dxl::Result<std::optional<Frame>> next_frame(std::string_view bytes, std::size_t max_body);

struct Will {
  std::string_view topic;
  std::string_view payload;
  std::uint8_t qos;
  bool retain;
};

struct Connect {
  Version version;
  bool bridge;  // level byte bit 0x80
  bool clean_session;
  std::uint16_t keep_alive;  // seconds; 0 = none
  std::string_view client_id;
  std::optional<Will> will;
};
struct Connack {
  ConnectCode code;
};
struct Publish {
  std::string_view topic;
  std::string_view payload;
  std::uint8_t qos;
  std::uint16_t packet_id;  // 0 at QoS 0
  bool dup;
  bool retain;
};
struct Ack {
  PacketType type;
  std::uint16_t packet_id;
};  // PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK

// Filters of a SUBSCRIBE or UNSUBSCRIBE, read where they lie; validated by the decoder.
class FilterList {
 public:
  FilterList(std::string_view region, std::size_t count, bool with_qos)
      : region_(region), count_(count), with_qos_(with_qos) {}
  std::size_t size() const { return count_; }
  // Calls `f(std::string_view filter, std::uint8_t qos)`; qos is 0 for UNSUBSCRIBE.
  template <class F>
  void for_each(F&& f) const {
    std::string_view rest = region_;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t size =
          static_cast<unsigned char>(rest[0]) * 256U + static_cast<unsigned char>(rest[1]);
      const std::string_view filter = rest.substr(2, size);
      f(filter, with_qos_ ? static_cast<std::uint8_t>(rest[2 + size]) : std::uint8_t{0});
      rest.remove_prefix(2 + size + (with_qos_ ? 1 : 0));
    }
  }

 private:
  std::string_view region_;
  std::size_t count_;
  bool with_qos_;
};
struct Subscribe {
  std::uint16_t packet_id;
  FilterList filters;
};
struct Unsubscribe {
  std::uint16_t packet_id;
  FilterList filters;
};
struct Suback {
  std::uint16_t packet_id;
  std::string_view codes;
};  // one byte per filter; 0x80 = refused
struct Pingreq {};
struct Pingresp {};
struct Disconnect {};

using Packet = std::variant<Connect, Connack, Publish, Ack, Subscribe, Suback, Unsubscribe, Pingreq,
                            Pingresp, Disconnect>;

// Why a CONNECT was refused when the answer must be a CONNACK instead of silence (DXL reference
// §1.1): a known protocol name with an unknown level. Carried as peer_code =
// ConnectCode::kBadVersion in the Error of decode_packet.
//
// Zero-copy. `version` is the connection's (ignored for CONNECT); 3.1.1 enforces reserved header
// flags and at least one filter, 3.1 does not. Topics and filters are checked with
// dxl::is_valid_topic/is_valid_filter by the caller, not here; strings must be valid UTF-8 without
// NUL.
dxl::Result<Packet> decode_packet(const Frame& frame, Version version);

// Encoders append one packet. Strings longer than 65,535 bytes are a bug of the caller (checked,
// aborts).
struct ConnectOptions {
  Version version = Version::k311;
  std::uint16_t keep_alive = 60;
  std::string_view client_id;
};
void append_connect(const ConnectOptions& options, std::string& out);
void append_connack(ConnectCode code, std::string& out);
// QoS 0, no flags: header byte 0x30.
void append_publish(std::string_view topic, std::string_view payload, std::string& out);
// The fixed header and topic of such a packet; exactly `payload_bytes` bytes must be appended next.
// For a payload that is encoded in place or shared between receivers.
void append_publish_header(std::string_view topic, std::size_t payload_bytes, std::string& out);
// Bytes that append_publish would add.
std::size_t publish_size(std::string_view topic, std::size_t payload_bytes);
void append_ack(PacketType type, std::uint16_t packet_id, std::string& out);
void append_subscribe(std::uint16_t packet_id, std::string_view filter, std::string& out);
void append_unsubscribe(std::uint16_t packet_id, std::string_view filter, std::string& out);
void append_suback(std::uint16_t packet_id, std::string_view codes, std::string& out);
void append_pingreq(std::string& out);
void append_pingresp(std::string& out);
void append_disconnect(std::string& out);

}  // namespace tiara::mqtt
