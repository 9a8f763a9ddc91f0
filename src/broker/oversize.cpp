#include "broker/oversize.hpp"

#include <algorithm>

#include "dxl/message_codec.hpp"

namespace tiara::broker {
namespace {

constexpr char kEmptyPayload = '\xa0';

std::size_t u16_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) * std::size_t{256} +
         static_cast<unsigned char>(bytes[at + 1]);
}

}  // namespace

std::size_t OversizePublish::feed(std::string_view bytes) {
  bytes = bytes.substr(0, body_bytes_ - fed_);
  const std::size_t begin = fed_;
  fed_ += bytes.size();
  if (!head_read_) {
    head_.append(bytes.substr(0, kHeadBytes - std::min(kHeadBytes, head_.size())));
    if (head_.size() < std::min(kHeadBytes, body_bytes_)) return bytes.size();
    read_head(begin);
    std::string().swap(head_);
  }
  if (fed_ > tail_begin_ && tail_.size() <= kTailBytes)
    tail_.append(bytes.substr(tail_begin_ > begin ? tail_begin_ - begin : 0));
  return bytes.size();
}

// `before` bytes of the head came with earlier calls.
void OversizePublish::read_head(std::size_t before) {
  head_read_ = true;
  const std::string_view head = head_;
  if (head.size() < 2) return;
  const std::size_t topic_size = u16_at(head, 0);
  const std::size_t message_at = 2 + topic_size + (qos_ > 0 ? 2 : 0);
  if (message_at > head.size()) return;
  topic_ = head.substr(2, topic_size);
  if (qos_ > 0) packet_id_ = static_cast<std::uint16_t>(u16_at(head, 2 + topic_size));
  const std::string_view message = head.substr(message_at);
  const auto place = dxl::find_payload(message);
  if (!place || place->size > body_bytes_ - message_at - place->begin) return;
  const std::size_t tail_begin = message_at + place->begin + place->size;
  if (body_bytes_ - tail_begin > kTailBytes) return;
  tail_begin_ = tail_begin;
  envelope_ = std::string(message.substr(0, place->header_begin));
  // Behind a short payload the tail may have begun already.
  if (tail_begin_ < before) tail_ = head.substr(tail_begin_, before - tail_begin_);
}

std::optional<std::string> OversizePublish::message_without_payload() const {
  if (!envelope_) return std::nullopt;
  return *envelope_ + kEmptyPayload + tail_;
}

}  // namespace tiara::broker
