#include <limits>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "dxl/message_codec.hpp"
#include "dxl/msgpack.hpp"

namespace dxl {
namespace {

// Reads field after field and remembers the first failure; after it every read yields nothing, so
// that the caller asks once, at the end. Nothing is formatted or allocated before that.
class FieldReader {
 public:
  FieldReader(std::string_view bytes, const MessageLimits& limits)
      : bytes_(bytes), rest_(bytes), limits_(limits) {}

  std::int64_t integer(const char* field, std::int64_t low, std::int64_t high) {
    if (failed()) return 0;
    const auto value = msgpack::take_integer(rest_, low, high);
    if (!value) set_failure(field, msgpack::Kind::kInteger);
    return value.value_or(0);
  }

  std::string_view string(const char* field) {
    if (failed()) return {};
    const auto value = msgpack::take_string(rest_);
    if (!value) set_failure(field, msgpack::Kind::kString);
    return value.value_or(std::string_view());
  }

  StringListView list(const char* field) {
    if (failed()) return {};
    const auto count = msgpack::take_array_size(rest_);
    if (!count) {
      set_failure(field, msgpack::Kind::kArray);
      return {};
    }
    if (*count > limits_.list_elements) {
      set_failure(field, msgpack::Kind::kArray);
      too_many_elements_ = *count;
      return {};
    }
    const std::string_view region = rest_;
    for (std::uint32_t i = 0; i < *count; ++i) {
      if (msgpack::take_string(rest_)) continue;
      set_failure(field, msgpack::Kind::kString);
      return {};
    }
    return StringListView::from_wire(region.substr(0, region.size() - rest_.size()), *count);
  }

  StringListView pairs(const char* field) {
    const StringListView elements = list(field);
    if (elements.size() % 2 == 0) return elements;
    if (limits_.drops_odd_other_fields) return {};
    set_failure(field, msgpack::Kind::kArray);
    odd_elements_ = elements.size();
    return {};
  }

  std::size_t offset() const { return bytes_.size() - rest_.size(); }
  bool failed() const { return field_ != nullptr; }

  Error error() const {
    const std::size_t at = bytes_.size() - rest_.size();
    if (too_many_elements_ != 0) {
      return {ErrorCode::kLimitExceeded, fmt::format("{}: {} elements, list_elements is {}", field_,
                                                     too_many_elements_, limits_.list_elements)};
    }
    if (odd_elements_ != 0) {
      return malformed(
          fmt::format("{}: {} elements, expected pairs of key and value, before byte {}", field_,
                      odd_elements_, at));
    }
    const std::string_view expected = msgpack::to_string(expected_);
    if (rest_.empty()) {
      return malformed(
          fmt::format("{}: expected {} at byte {}, found the end", field_, expected, at));
    }
    const msgpack::Kind found = msgpack::kind_of(rest_[0]);
    if (found != expected_) {
      return malformed(fmt::format("{}: expected {} at byte {}, found {}", field_, expected, at,
                                   msgpack::to_string(found)));
    }
    // The right kind all the same: cut short, or a number nobody can mean.
    return malformed(fmt::format("{}: {} at byte {} is {}", field_, expected, at,
                                 expected_ == msgpack::Kind::kInteger ? "cut short or out of range"
                                                                      : "longer than the message"));
  }

 private:
  static Error malformed(std::string message) {
    return {ErrorCode::kMalformed, std::move(message)};
  }

  void set_failure(const char* field, msgpack::Kind expected) {
    field_ = field;
    expected_ = expected;
  }

  std::string_view bytes_;
  std::string_view rest_;  // stays at the object that failed
  const MessageLimits& limits_;
  const char* field_ = nullptr;
  msgpack::Kind expected_ = msgpack::Kind::kNil;
  std::size_t too_many_elements_ = 0;
  std::size_t odd_elements_ = 0;
};

std::uint32_t read_error_code(FieldReader& in) {
  // Signed from Java and brokers, unsigned from Python and JavaScript; equal modulo 2^32 (§2.2).
  const std::int64_t code = in.integer("error_code", std::numeric_limits<std::int32_t>::min(),
                                       std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(code & 0xffffffff);
}

void read_type_fields(FieldReader& in, MessageView& view) {
  switch (view.type) {
    case MessageType::kRequest:
      view.reply_to_topic = in.string("reply_to_topic");
      view.service_id = in.string("service_id");
      return;
    case MessageType::kResponse:
      view.request_message_id = in.string("request_message_id");
      view.service_id = in.string("service_id");
      return;
    case MessageType::kErrorResponse:
      view.request_message_id = in.string("request_message_id");
      view.service_id = in.string("service_id");
      view.error_code = read_error_code(in);
      view.error_message = in.string("error_message");
      return;
    case MessageType::kEvent:
      return;
  }
}

// Everything in front of the payload.
MessageView read_envelope(FieldReader& in) {
  MessageView view;
  view.version = static_cast<std::uint32_t>(
      in.integer("version", 0, std::numeric_limits<std::uint32_t>::max()));
  view.type = static_cast<MessageType>(in.integer("message_type", 0, 3));
  view.message_id = in.string("message_id");
  view.source_client_id = in.string("source_client_id");
  view.source_broker_id = in.string("source_broker_id");
  view.broker_ids = in.list("broker_ids");
  view.client_ids = in.list("client_ids");
  return view;
}

}  // namespace

std::optional<PayloadPlace> find_payload(std::string_view head, const MessageLimits& limits) {
  FieldReader in(head, limits);
  read_envelope(in);
  if (in.failed()) return std::nullopt;
  const std::size_t header_begin = in.offset();
  std::string_view rest = head.substr(header_begin);
  const auto size = msgpack::take_string_size(rest);
  if (!size) return std::nullopt;
  return PayloadPlace{header_begin, head.size() - rest.size(), *size};
}

Result<MessageView> decode_message(std::string_view bytes, const MessageLimits& limits) {
  if (bytes.size() > limits.message_bytes) {
    return fail(ErrorCode::kLimitExceeded, fmt::format("message of {} bytes, message_bytes is {}",
                                                       bytes.size(), limits.message_bytes));
  }
  FieldReader in(bytes, limits);
  MessageView view = read_envelope(in);
  view.payload = in.string("payload");
  read_type_fields(in, view);
  if (view.version >= 1) view.other_fields = in.pairs("other_fields");
  if (view.version >= 2) {
    view.source_tenant_guid = in.string("source_tenant_guid");
    view.destination_tenant_guids = in.list("destination_tenant_guids");
  }
  if (view.version >= 3) view.source_client_instance_id = in.string("source_client_instance_id");
  if (in.failed()) return fail(in.error());
  return view;
}

}  // namespace dxl
