// The packets the load generator sends, made before the clock runs, and the one thing it must read
// while it runs: where an incoming request wants its answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

std::string connect_packet(std::string_view client_id);
std::string subscribe_packet(std::string_view topic);
std::string publish_packet(std::string_view topic, std::string_view payload);

// A DXL request of `size` bytes in all, as the Python client packs it: version 2, raw family.
std::string dxl_request(std::string_view message_id, std::string_view reply_to, std::size_t size);
std::string registration_request(std::string_view message_id, std::string_view reply_to,
                                 std::string_view service_id, std::string_view topic);

// What a responder needs of a request, stamped by a broker or not. Views into `payload`.
struct RequestParts {
  std::string_view message_id, source_client_id, source_broker_id, reply_to, service_id;
};
RequestParts read_request(std::string_view payload);

// The topic and payload of a PUBLISH body at QoS 0.
struct Publish {
  std::string_view topic, payload;
};
Publish read_publish(std::string_view body);

// Appends the PUBLISH that answers `request`, destinations filled in as clients do.
void append_response(const RequestParts& request, std::string_view answer, std::string& out);

}  // namespace bench
