#include "mqtt/packet.hpp"

#include <cstring>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace tiara::mqtt {
namespace {

using dxl::ErrorCode;
using dxl::fail;

constexpr std::size_t kMaxLengthBytes = 4;
constexpr std::uint8_t kBridgeBit = 0x80;

// CONNECT flags (MQTT 3.1.1 §3.1.2.3). User name and password (0xC0) are never looked at: the
// original broker ignores them even when the flags promise fields that are missing.
constexpr std::uint8_t kReservedFlag = 0x01;
constexpr std::uint8_t kCleanSessionFlag = 0x02;
constexpr std::uint8_t kWillFlag = 0x04;
constexpr std::uint8_t kWillRetainFlag = 0x20;
constexpr std::uint8_t kWillDetailFlags = 0x38;

// The string rule of MQTT 3.1.1 §1.5.3. Whole words of ASCII are skipped first: topics seldom hold
// anything else.
bool is_valid_string(std::string_view text) {
  constexpr std::uint64_t kLowBits = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    // With all high bits clear, the subtraction borrows into a high bit only where a byte is zero.
    if (((word | (word - kLowBits)) & kHighBits) != 0) break;
    text.remove_prefix(sizeof word);
  }
  while (!text.empty()) {
    const std::size_t bytes = base::utf8_character_bytes(text);
    if (bytes == 0 || text.front() == '\0') return false;
    text.remove_prefix(bytes);
  }
  return true;
}

// Takes fields off the front of a body. The first failure sticks: every later field is empty, so
// that a decoder reads straight through and asks once.
class FieldReader {
 public:
  explicit FieldReader(std::string_view body) : rest_(body), size_(body.size()) {}

  std::uint8_t byte(const char* field) {
    if (!need(1, field)) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::uint16_t u16(const char* field) {
    if (!need(2, field)) return 0;
    const std::uint16_t value = static_cast<std::uint16_t>(
        static_cast<std::uint8_t>(rest_[0]) << 8 | static_cast<std::uint8_t>(rest_[1]));
    rest_.remove_prefix(2);
    return value;
  }

  // Two length bytes and what they announce.
  std::string_view bytes(const char* field) {
    const std::size_t size = u16(field);
    if (!need(size, field)) return {};
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }

  std::string_view text(const char* field) {
    const std::size_t at = offset();
    const std::string_view value = bytes(field);
    if (ok() && !is_valid_string(value)) set_error(field, "not UTF-8 without NUL", at);
    return value;
  }

  std::string_view take_rest() { return std::exchange(rest_, {}); }
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  void expect_end(const char* packet) {
    if (ok() && !rest_.empty()) {
      set_error(packet, "bytes left over behind the last field", offset());
    }
  }
  void refuse(const char* field, const char* problem) {
    if (ok()) set_error(field, problem, offset());
  }

  bool ok() const { return problem_ == nullptr; }
  tl::unexpected<dxl::Error> error() const {
    return fail(ErrorCode::kMalformed, fmt::format("{}: {} at byte {}", field_, problem_, at_));
  }

 private:
  std::size_t offset() const { return size_ - rest_.size(); }
  bool need(std::size_t count, const char* field) {
    if (!ok()) return false;
    if (rest_.size() >= count) return true;
    set_error(field, "packet ends inside it", offset());
    return false;
  }
  void set_error(const char* field, const char* problem, std::size_t at) {
    field_ = field;
    problem_ = problem;
    at_ = at;
    rest_ = {};
  }

  std::string_view rest_;
  std::size_t size_;
  const char* field_ = nullptr;
  const char* problem_ = nullptr;
  std::size_t at_ = 0;
};

// The value MQTT 3.1.1 §2.2.2 demands of the header flags; nullopt where they carry meaning.
std::optional<std::uint8_t> reserved_flags(PacketType type) {
  switch (type) {
    case PacketType::kPublish:
      return std::nullopt;
    case PacketType::kPubrel:
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
      return std::uint8_t{0x02};
    case PacketType::kConnect:
    case PacketType::kConnack:
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubcomp:
    case PacketType::kSuback:
    case PacketType::kUnsuback:
    case PacketType::kPingreq:
    case PacketType::kPingresp:
    case PacketType::kDisconnect:
      return std::uint8_t{0};
  }
  return std::nullopt;
}

dxl::Result<void> check_flags(const Frame& frame, Version version) {
  const std::optional<std::uint8_t> expected = reserved_flags(frame.type);
  if (version == Version::k31 || !expected || frame.flags == *expected) return {};
  return fail(ErrorCode::kMalformed,
              fmt::format("header flags of packet type {}: expected {}, found {}",
                          static_cast<int>(frame.type), *expected, frame.flags));
}

std::optional<Will> read_will(std::uint8_t flags, Version version, FieldReader& reader) {
  if ((flags & kWillFlag) == 0) {
    if (version == Version::k311 && (flags & kWillDetailFlags) != 0) {
      reader.refuse("connect flags", "will QoS or retain without a will");
    }
    return std::nullopt;
  }
  Will will{};
  will.qos = static_cast<std::uint8_t>(flags >> 3 & 0x03);
  will.retain = (flags & kWillRetainFlag) != 0;
  if (will.qos == 3) reader.refuse("connect flags", "will QoS 3");
  will.topic = reader.text("will topic");
  will.payload = reader.bytes("will payload");
  return will;
}

dxl::Result<Packet> decode_connect(const Frame& frame) {
  FieldReader reader(frame.body);
  const std::string_view name = reader.bytes("protocol name");
  if (!reader.ok()) return reader.error();
  if (name != "MQTT" && name != "MQIsdp") {
    return fail(ErrorCode::kMalformed, "protocol name: neither MQTT nor MQIsdp");
  }
  const std::uint8_t level = reader.byte("protocol level");
  if (!reader.ok()) return reader.error();

  Connect connect{};
  connect.version = name == "MQTT" ? Version::k311 : Version::k31;
  connect.bridge = (level & kBridgeBit) != 0;
  if ((level & ~kBridgeBit) != static_cast<int>(connect.version)) {
    return fail(ErrorCode::kMalformed, fmt::format("protocol level: {} under {}", level, name),
                static_cast<std::uint32_t>(ConnectCode::kBadVersion));
  }
  if (auto flags_ok = check_flags(frame, connect.version); !flags_ok) {
    return fail(std::move(flags_ok.error()));
  }
  const std::uint8_t flags = reader.byte("connect flags");
  if (connect.version == Version::k311 && (flags & kReservedFlag) != 0) {
    reader.refuse("connect flags", "reserved bit is set");
  }
  connect.clean_session = (flags & kCleanSessionFlag) != 0;
  connect.keep_alive = reader.u16("keep alive");
  connect.client_id = reader.text("client id");
  connect.will = read_will(flags, connect.version, reader);
  if (!reader.ok()) return reader.error();
  return Packet(connect);
}

// A packet identifier; 0 is no identifier, but only 3.1.1 says so.
std::uint16_t read_packet_id(Version version, FieldReader& reader) {
  const std::uint16_t id = reader.u16("packet id");
  if (id == 0 && version == Version::k311) reader.refuse("packet id", "is 0");
  return id;
}

dxl::Result<Packet> decode_connack(FieldReader& reader, Version version) {
  const std::uint8_t flags = reader.byte("connack flags");
  if (version == Version::k311 && flags > 1)
    reader.refuse("connack flags", "reserved bits are set");
  const Connack connack{static_cast<ConnectCode>(reader.byte("return code"))};
  reader.expect_end("CONNACK");
  if (!reader.ok()) return reader.error();
  return Packet(connack);
}

dxl::Result<Packet> decode_publish(const Frame& frame, Version version) {
  FieldReader reader(frame.body);
  Publish publish{};
  publish.dup = (frame.flags & 0x08) != 0;
  publish.qos = static_cast<std::uint8_t>(frame.flags >> 1 & 0x03);
  publish.retain = (frame.flags & 0x01) != 0;
  if (publish.qos == 3) reader.refuse("publish flags", "QoS 3");
  publish.topic = reader.text("topic");
  if (publish.qos > 0) publish.packet_id = read_packet_id(version, reader);
  if (!reader.ok()) return reader.error();
  publish.payload = reader.take_rest();
  return Packet(publish);
}

dxl::Result<Packet> decode_ack(FieldReader& reader, PacketType type, Version version) {
  const Ack ack{type, read_packet_id(version, reader)};
  reader.expect_end("acknowledgement");
  if (!reader.ok()) return reader.error();
  return Packet(ack);
}

// SUBSCRIBE and UNSUBSCRIBE differ in the QoS byte behind each filter. Validating here is what lets
// FilterList walk the region without checks.
template <class Request>
dxl::Result<Packet> decode_filters(FieldReader& reader, Version version, bool with_qos) {
  const std::uint16_t packet_id = read_packet_id(version, reader);
  const std::string_view region = reader.rest();
  std::size_t count = 0;
  while (reader.ok() && !reader.at_end()) {
    if (++count > kMaxFiltersPerPacket) {
      return fail(ErrorCode::kLimitExceeded,
                  fmt::format("more than {} filters in one packet", kMaxFiltersPerPacket));
    }
    reader.text("topic filter");
    if (with_qos && reader.byte("requested QoS") > 2) reader.refuse("requested QoS", "above 2");
  }
  if (count == 0 && version == Version::k311) reader.refuse("topic filters", "there are none");
  if (!reader.ok()) return reader.error();
  return Packet(Request{packet_id, FilterList(region, count, with_qos)});
}

dxl::Result<Packet> decode_suback(FieldReader& reader, Version version) {
  Suback suback{};
  suback.packet_id = read_packet_id(version, reader);
  if (version == Version::k311 && reader.at_end()) reader.refuse("return codes", "there are none");
  if (!reader.ok()) return reader.error();
  suback.codes = reader.take_rest();
  return Packet(suback);
}

template <class Empty>
dxl::Result<Packet> decode_empty(FieldReader& reader) {
  reader.expect_end("packet without a body");
  if (!reader.ok()) return reader.error();
  return Packet(Empty{});
}

}  // namespace

dxl::Result<std::optional<FrameHeader>> peek_header(std::string_view bytes) {
  using Found = dxl::Result<std::optional<FrameHeader>>;
  if (bytes.empty()) return Found(std::nullopt);
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto type = static_cast<std::uint8_t>(first >> 4);
  if (type < 1 || type > 14) {
    return fail(ErrorCode::kMalformed, fmt::format("packet type: {} does not exist", type));
  }
  std::size_t body_size = 0;
  std::size_t at = 1;
  for (;; ++at) {
    if (at > kMaxLengthBytes) {
      return fail(ErrorCode::kMalformed, "remaining length: more than four bytes");
    }
    if (at == bytes.size()) return Found(std::nullopt);
    const auto digit = static_cast<std::uint8_t>(bytes[at]);
    body_size |= static_cast<std::size_t>(digit & 0x7F) << (7 * (at - 1));
    if ((digit & 0x80) == 0) break;
  }
  return Found(FrameHeader{static_cast<PacketType>(type), static_cast<std::uint8_t>(first & 0x0F),
                           at + 1, body_size});
}

dxl::Result<std::optional<Frame>> next_frame(std::string_view bytes, std::size_t max_body) {
  using Found = dxl::Result<std::optional<Frame>>;
  const auto peeked = peek_header(bytes);
  if (!peeked) return fail(peeked.error());
  if (!*peeked) return Found(std::nullopt);
  const FrameHeader& header = **peeked;
  if (header.body_bytes > max_body) {
    return fail(
        ErrorCode::kLimitExceeded,
        fmt::format("remaining length: {} bytes, the limit is {}", header.body_bytes, max_body));
  }
  if (bytes.size() - header.header_bytes < header.body_bytes) return Found(std::nullopt);
  return Found(Frame{header.type, header.flags,
                     bytes.substr(header.header_bytes, header.body_bytes),
                     header.header_bytes + header.body_bytes});
}

dxl::Result<Packet> decode_packet(const Frame& frame, Version version) {
  if (frame.type == PacketType::kConnect) return decode_connect(frame);
  if (auto flags_ok = check_flags(frame, version); !flags_ok) {
    return fail(std::move(flags_ok.error()));
  }
  FieldReader reader(frame.body);
  switch (frame.type) {
    case PacketType::kConnect:
      break;
    case PacketType::kConnack:
      return decode_connack(reader, version);
    case PacketType::kPublish:
      return decode_publish(frame, version);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
    case PacketType::kUnsuback:
      return decode_ack(reader, frame.type, version);
    case PacketType::kSubscribe:
      return decode_filters<Subscribe>(reader, version, true);
    case PacketType::kSuback:
      return decode_suback(reader, version);
    case PacketType::kUnsubscribe:
      return decode_filters<Unsubscribe>(reader, version, false);
    case PacketType::kPingreq:
      return decode_empty<Pingreq>(reader);
    case PacketType::kPingresp:
      return decode_empty<Pingresp>(reader);
    case PacketType::kDisconnect:
      return decode_empty<Disconnect>(reader);
  }
  return fail(ErrorCode::kMalformed, "packet type: does not exist");
}

}  // namespace tiara::mqtt
