#include "load_messages.hpp"

#include "load_connection.hpp"

namespace bench {
namespace {

void append_u16(std::size_t value, std::string& out) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

void append_text(std::string_view text, std::string& out) {
  append_u16(text.size(), out);
  out += text;
}

void append_length(std::size_t value, std::string& out) {
  do {
    const std::size_t digit = value & 0x7F;
    value >>= 7;
    out += static_cast<char>(digit | (value != 0 ? 0x80 : 0));
  } while (value != 0);
}

std::string packet(std::uint8_t first, std::string_view body) {
  std::string out(1, static_cast<char>(first));
  append_length(body.size(), out);
  out += body;
  return out;
}

std::size_t raw_size(std::string_view text) { return text.size() + (text.size() < 32 ? 1U : 3U); }

// msgpack's old raw form, the only one every DXL reader knows.
void append_raw(std::string_view text, std::string& out) {
  if (text.size() < 32) {
    out += static_cast<char>(0xA0 | text.size());
  } else {
    out += '\xDA';
    append_u16(text.size(), out);
  }
  out += text;
}

void append_list_of(std::string_view element, std::string& out) {
  out += element.empty() ? '\x90' : '\x91';
  if (!element.empty()) append_raw(element, out);
}

constexpr std::string_view kTail("\x90\xA0\x90", 3);  // other fields, tenant, tenants

std::string request(std::string_view message_id, std::string_view reply_to,
                    std::string_view payload) {
  std::string out("\x02\x00", 2);
  append_raw(message_id, out);
  out += "\xA0\xA0\x90\x90";  // source client, source broker, destination brokers and clients
  append_raw(payload, out);
  append_raw(reply_to, out);
  out += '\xA0';  // service id: the broker looks it up
  out += kTail;
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::size_t byte() {
    if (at_ >= bytes_.size()) die("a DXL message ended early");
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::string_view raw() {
    const std::size_t first = byte();
    std::size_t length = first & 0x1F;
    if (first == 0xDA) {
      length = byte() << 8;
      length |= byte();
    } else if (first < 0xA0 || first > 0xBF) {
      die("a DXL message holds something other than a short raw string");
    }
    if (bytes_.size() - at_ < length) die("a DXL message ended early");
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  void skip_list() {
    for (std::size_t left = byte() & 0x0F; left > 0; --left) raw();
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

std::string connect_packet(std::string_view client_id) {
  std::string body;
  append_text("MQTT", body);
  body += '\x04';          // 3.1.1
  body += '\x02';          // clean session
  append_u16(3600, body);  // longer than any run
  append_text(client_id, body);
  return packet(0x10, body);
}

std::string subscribe_packet(std::string_view topic) {
  std::string body("\x00\x01", 2);
  append_text(topic, body);
  body += '\0';
  return packet(0x82, body);
}

std::string publish_packet(std::string_view topic, std::string_view payload) {
  std::string body;
  append_text(topic, body);
  body += payload;
  return packet(0x30, body);
}

std::string dxl_request(std::string_view message_id, std::string_view reply_to, std::size_t size) {
  const std::size_t around = 2 + raw_size(message_id) + 4 + 3 + raw_size(reply_to) + 1 + 3;
  if (size < around + 32) die("--size must be at least " + std::to_string(around + 32));
  return request(message_id, reply_to, std::string(size - around, 'x'));
}

std::string registration_request(std::string_view message_id, std::string_view reply_to,
                                 std::string_view service_id, std::string_view topic) {
  std::string json = R"({"serviceType":"/bench","metaData":{},"ttlMins":60,"serviceGuid":")";
  json += service_id;
  json += R"(","requestChannels":[")";
  json += topic;
  json += R"("]})";
  return request(message_id, reply_to, json);
}

RequestParts read_request(std::string_view payload) {
  Reader reader(payload);
  reader.byte();  // version
  reader.byte();  // type
  RequestParts parts;
  parts.message_id = reader.raw();
  parts.source_client_id = reader.raw();
  parts.source_broker_id = reader.raw();
  reader.skip_list();
  reader.skip_list();
  reader.raw();
  parts.reply_to = reader.raw();
  parts.service_id = reader.raw();
  return parts;
}

Publish read_publish(std::string_view body) {
  if (body.size() < 2) die("a PUBLISH without a topic");
  const std::size_t length = static_cast<std::size_t>(static_cast<std::uint8_t>(body[0])) << 8 |
                             static_cast<std::uint8_t>(body[1]);
  if (body.size() - 2 < length) die("a PUBLISH whose topic is longer than it");
  return {.topic = body.substr(2, length), .payload = body.substr(2 + length)};
}

void append_response(const RequestParts& request, std::string_view answer, std::string& out) {
  static std::string message;  // reused: the generator must not cost more than the broker
  message.assign("\x02\x01", 2);
  append_raw("{5b1c7a52-3f63-4a0e-9d0b-6f3f0c6b7a10}", message);
  message += "\xA0\xA0";
  append_list_of(request.source_broker_id, message);
  append_list_of(request.source_client_id, message);
  append_raw(answer, message);
  append_raw(request.message_id, message);
  append_raw(request.service_id, message);
  message += kTail;
  out += '\x30';
  append_length(2 + request.reply_to.size() + message.size(), out);
  append_text(request.reply_to, out);
  out += message;
}

}  // namespace bench
