#include "packets.hpp"

#include <charconv>
#include <cstdio>

namespace load {
namespace {

constexpr std::size_t kNumberDigits = 12;
constexpr std::string_view kTail("\x90\xA0\x90", 3);  // other fields, tenant, tenants

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}

std::string text(std::string_view value) { return u16(value.size()).append(value); }

void append_length(std::size_t length, std::string& out) {
  do {
    const std::size_t digit = length & 0x7F;
    length >>= 7;
    out += static_cast<char>(digit | (length != 0 ? 0x80U : 0U));
  } while (length != 0);
}

std::string packet(std::uint8_t first, std::string_view body) {
  std::string out(1, static_cast<char>(first));
  append_length(body.size(), out);
  return out.append(body);
}

// msgpack's old raw form, the only one every DXL reader knows.
void append_raw(std::string_view value, std::string& out) {
  if (value.size() < 32) {
    out += static_cast<char>(0xA0 | value.size());
  } else {
    out += '\xDA';
    out += u16(value.size());
  }
  out += value;
}

std::string raw(std::string_view value) {
  std::string out;
  append_raw(value, out);
  return out;
}

void append_list_of(std::string_view element, std::string& out) {
  out += element.empty() ? '\x90' : '\x91';
  if (!element.empty()) append_raw(element, out);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  std::size_t byte() {
    if (at_ >= bytes_.size()) return fail();
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::string_view raw() {
    const std::size_t first = byte();
    std::size_t length = first & 0x1F;
    if (first == 0xDA) {
      length = byte() << 8;
      length |= byte();
    } else if (first < 0xA0 || first > 0xBF) {
      fail();
    }
    if (!good_ || bytes_.size() - at_ < length) return fail(), std::string_view();
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  void skip_list() {
    for (std::size_t left = byte() & 0x0F; left > 0; --left) raw();
  }

 private:
  std::size_t fail() {
    good_ = false;
    return 0;
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

}  // namespace

std::string make_id(unsigned kind, std::size_t number) {
  char out[64];
  std::snprintf(out, sizeof out, "{00000000-0000-4000-8%03x-%012zx}", kind, number);
  return out;
}

std::optional<std::size_t> number_of(std::string_view id) {
  constexpr std::size_t kIdSize = 38;
  if (id.size() != kIdSize) return std::nullopt;
  const char* end = id.data() + id.size() - 1;
  std::size_t number = 0;
  const auto read = std::from_chars(end - kNumberDigits, end, number, 16);
  return read.ptr == end ? std::optional(number) : std::nullopt;
}

std::string connect_packet(std::string_view client_id) {
  // 3.1.1, clean session, a keep-alive longer than any run
  return packet(0x10, text("MQTT") + '\x04' + '\x02' + u16(3600) + text(client_id));
}

std::string subscribe_packet(std::string_view topic) {
  return packet(0x82, u16(1) + text(topic) + '\0');
}

std::string publish_packet(std::string_view topic, std::string_view message) {
  return packet(0x30, text(topic).append(message));
}

std::string request_message(std::string_view message_id, std::string_view reply_to,
                            std::string_view payload) {
  // Left empty: source client and broker, destination brokers and clients, service.
  return std::string("\x02\x00", 2) + raw(message_id) + "\xA0\xA0\x90\x90" + raw(payload) +
         raw(reply_to) + raw("") + std::string(kTail);
}

std::string event_message(std::string_view message_id, std::string_view payload) {
  return std::string("\x02\x02", 2) + raw(message_id) + "\xA0\xA0\x90\x90" + raw(payload) +
         std::string(kTail);
}

std::string registration(std::string_view service_id, std::string_view topic) {
  return std::string(R"({"serviceType":"/load","metaData":{},"ttlMins":60,"serviceGuid":")")
      .append(service_id)
      .append(R"(","requestChannels":[")")
      .append(topic)
      .append(R"("]})");
}

std::optional<Message> read_message(std::string_view publish_body) {
  if (publish_body.size() < 2) return std::nullopt;
  const std::size_t topic = static_cast<std::size_t>(static_cast<std::uint8_t>(publish_body[0]))
                                << 8 |
                            static_cast<std::uint8_t>(publish_body[1]);
  if (publish_body.size() - 2 < topic) return std::nullopt;
  Reader reader(publish_body.substr(2 + topic));
  Message message;
  reader.byte();  // version
  message.type = static_cast<std::uint8_t>(reader.byte());
  message.message_id = reader.raw();
  message.source_client_id = reader.raw();
  message.source_broker_id = reader.raw();
  reader.skip_list();
  reader.skip_list();
  reader.raw();
  constexpr std::uint8_t kEvent = 2;
  if (message.type != kEvent) {
    message.reply_to_or_request_id = reader.raw();
    message.service_id = reader.raw();
  }
  return reader.good() ? std::optional(message) : std::nullopt;
}

void append_response(const Message& request, std::string_view payload, std::string& out) {
  static const std::string kId = make_id(0, 0);
  thread_local std::string message;  // kept: the generator must not cost more than the broker
  message.assign("\x02\x01", 2);
  append_raw(kId, message);
  message += "\xA0\xA0";
  append_list_of(request.source_broker_id, message);
  append_list_of(request.source_client_id, message);
  append_raw(payload, message);
  append_raw(request.message_id, message);
  append_raw(request.service_id, message);
  message += kTail;
  const std::string_view topic = request.reply_to_or_request_id;
  out += '\x30';
  append_length(2 + topic.size() + message.size(), out);
  out += u16(topic.size());
  out += topic;
  out += message;
}

std::optional<Packet> first_packet(std::string_view bytes) {
  std::size_t length = 0;
  std::size_t position = 1;
  for (unsigned shift = 0; shift <= 21; shift += 7) {
    if (position >= bytes.size()) return std::nullopt;
    const auto digit = static_cast<std::uint8_t>(bytes[position++]);
    length |= static_cast<std::size_t>(digit & 0x7F) << shift;
    if (digit < 0x80) break;
  }
  if (bytes.size() < position + length) return std::nullopt;
  return Packet{
      .type = static_cast<std::uint8_t>(static_cast<std::uint8_t>(bytes[0]) >> 4),
      .body = bytes.substr(position, length),
      .total_bytes = position + length,
  };
}

}  // namespace load
