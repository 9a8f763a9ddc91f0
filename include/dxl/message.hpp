// The four DXL messages as owning values (DXL reference §2). The topic travels in the MQTT packet
// and is part of the value here; everything else is the MQTT payload.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dxl/ids.hpp"

#pragma GCC visibility push(default)
namespace dxl {

// Fields that every message has. Source fields are empty when a client sends and are filled in by
// the first broker.
struct Header {
  MessageId message_id;  // empty: a new `{uuid}` is made when the message is sent
  ClientId
      source_client_id;  // SHA-1 thumbprint of the sender's certificate once a broker stamped it
  BrokerId source_broker_id;
  std::vector<std::string> broker_ids;  // destinations; empty = not restricted
  std::vector<std::string> client_ids;  // destinations: instance id or certificate thumbprint
  std::vector<std::pair<std::string, std::string>> other_fields;
  std::string source_tenant_guid;
  std::vector<std::string> destination_tenant_guids;
  std::string source_client_instance_id;  // `<thumbprint>:<uuid>`: one connection
};

struct Event {
  std::string topic;
  std::string payload;  // bytes; by convention UTF-8 JSON
  Header header{};
};

struct Request {
  std::string topic;
  std::string payload;
  std::string reply_to_topic{};  // overwritten by the client that sends it
  ServiceId service_id{};        // empty: the broker picks an instance
  Header header{};
};

struct Response {
  std::string topic;
  std::string payload;
  MessageId request_message_id{};
  ServiceId service_id{};
  Header header{};
};

// A peer or the fabric said no. Codes with bit 31 set come from the fabric (DXL reference §4.7).
struct ErrorResponse {
  std::string topic;
  std::uint32_t error_code = 0;  // negative numbers on the wire are normalised to unsigned
  std::string error_message;
  MessageId request_message_id{};
  ServiceId service_id{};
  Header header{};
};

using Message = std::variant<Request, Response, Event, ErrorResponse>;
using Reply = std::variant<Response, ErrorResponse>;

// Error codes that brokers send (DXL reference §4.7; the last two are extensions.md's).
inline constexpr std::uint32_t kServiceUnavailable = 0x80000001;
inline constexpr std::uint32_t kServiceOverloaded = 0x80000002;
inline constexpr std::uint32_t kServiceLimitExceeded = 0x80000011;
inline constexpr std::uint32_t kNotAuthorisedToSend = 0x80000013;
inline constexpr std::uint32_t kMessageTooLarge = 0x80000014;

}  // namespace dxl
#pragma GCC visibility pop
