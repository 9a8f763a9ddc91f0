// A byte stream as a peer may send it. What decodes as a packet we can write ourselves must come
// back as the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "mqtt/packet.hpp"

namespace {

using namespace tiara;

constexpr std::size_t kMaxBody = 1024 * 1024;

std::size_t checksum(const mqtt::FilterList& filters) {
  std::size_t sum = 0;
  filters.for_each([&sum](std::string_view filter, std::uint8_t qos) {
    for (const char c : filter) sum += static_cast<unsigned char>(c);
    sum += qos;
  });
  return sum;
}

// Empty for packets without an encoder of the same generality.
std::string encode_again(const mqtt::Packet& packet) {
  std::string out;
  if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) {
    mqtt::append_ack(ack->type, ack->packet_id, out);
  } else if (const auto* publish = std::get_if<mqtt::Publish>(&packet);
             publish && publish->qos == 0) {
    mqtt::append_publish(publish->topic, publish->payload, out);
    if (out.size() != mqtt::publish_size(publish->topic, publish->payload.size())) std::abort();
  } else if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    mqtt::append_suback(suback->packet_id, suback->codes, out);
  }
  return out;
}

void decode_stream(std::string_view bytes, mqtt::Version version) {
  while (true) {
    const auto frame = mqtt::next_frame(bytes, kMaxBody);
    if (!frame || !*frame) return;
    const auto packet = mqtt::decode_packet(**frame, version);
    if (packet) {
      if (const auto* s = std::get_if<mqtt::Subscribe>(&*packet)) checksum(s->filters);
      if (const auto* u = std::get_if<mqtt::Unsubscribe>(&*packet)) checksum(u->filters);
      // The length field may have been longer than needed, so only the bodies are compared.
      const std::string again = encode_again(*packet);
      if (!again.empty() && !again.ends_with((*frame)->body)) std::abort();
    }
    bytes.remove_prefix((*frame)->total_bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode_stream(bytes, mqtt::Version::k31);
  decode_stream(bytes, mqtt::Version::k311);
  return 0;
}
