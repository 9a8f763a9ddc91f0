// The bytes the load programs send and read: MQTT 3.1.1 packets and DXL messages, by hand and
// without the broker's code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace load {

inline constexpr std::uint8_t kConnack = 2, kPublish = 3, kSuback = 9;
inline constexpr std::uint8_t kResponse = 1;  // DXL message type

// A UUID in braces; `kind` keeps those of requests, clients and services apart.
std::string make_id(unsigned kind, std::size_t number);
// The `number` make_id was called with; nothing for another text.
std::optional<std::size_t> number_of(std::string_view id);

std::string connect_packet(std::string_view client_id);
std::string subscribe_packet(std::string_view topic);
std::string publish_packet(std::string_view topic, std::string_view message);

std::string request_message(std::string_view message_id, std::string_view reply_to,
                            std::string_view payload);
std::string event_message(std::string_view message_id, std::string_view payload);
std::string registration(std::string_view service_id, std::string_view topic);

// Views into the packet's body.
struct Message {
  std::uint8_t type = 0;
  std::string_view message_id, source_client_id, source_broker_id;
  // Of a request: where the answer goes, and the service. Of an answer: the request's id, and the
  // service.
  std::string_view reply_to_or_request_id, service_id;
};
// The DXL message in the body of a PUBLISH at QoS 0; nothing if it is not what a broker sends.
std::optional<Message> read_message(std::string_view publish_body);

// Appends the PUBLISH that answers `request`, destinations filled in as clients do.
void append_response(const Message& request, std::string_view payload, std::string& out);

struct Packet {
  std::uint8_t type = 0;
  std::string_view body;
  std::size_t total_bytes = 0;
};
// The first whole packet of `bytes`, if there is one.
std::optional<Packet> first_packet(std::string_view bytes);

}  // namespace load
