#include <algorithm>

#include "dxl/message_codec.hpp"
#include "dxl/msgpack.hpp"

namespace dxl {
namespace {

using msgpack::append_string;

void append_list(const StringListView& list, std::string& out) {
  msgpack::append_array_size(list.size(), out);
  list.for_each([&out](std::string_view element) { append_string(element, out); });
}

void append_error_code(std::uint32_t code, ErrorCodeForm form, std::string& out) {
  const auto as_signed = static_cast<std::int32_t>(code);
  if (form == ErrorCodeForm::kInt32 && as_signed < 0) {
    msgpack::append_int32(as_signed, out);
  } else if (as_signed >= -0x8000) {
    // Small negative codes are shorter with their sign.
    msgpack::append_signed(as_signed, out);
  } else {
    msgpack::append_unsigned(code, out);
  }
}

void append_type_fields(const MessageView& message, ErrorCodeForm form, std::string& out) {
  switch (message.type) {
    case MessageType::kRequest:
      append_string(message.reply_to_topic, out);
      append_string(message.service_id, out);
      return;
    case MessageType::kResponse:
      append_string(message.request_message_id, out);
      append_string(message.service_id, out);
      return;
    case MessageType::kErrorResponse:
      append_string(message.request_message_id, out);
      append_string(message.service_id, out);
      append_error_code(message.error_code, form, out);
      append_string(message.error_message, out);
      return;
    case MessageType::kEvent:
      return;
  }
}

}  // namespace

void append_message(const MessageView& message, std::string& out, ErrorCodeForm form) {
  const std::uint32_t version = std::min(message.version, kNewestVersion);
  msgpack::append_unsigned(version, out);
  msgpack::append_unsigned(static_cast<std::uint32_t>(message.type), out);
  append_string(message.message_id, out);
  append_string(message.source_client_id, out);
  append_string(message.source_broker_id, out);
  append_list(message.broker_ids, out);
  append_list(message.client_ids, out);
  append_string(message.payload, out);
  append_type_fields(message, form, out);
  if (version >= 1) append_list(message.other_fields, out);
  if (version >= 2) {
    append_string(message.source_tenant_guid, out);
    append_list(message.destination_tenant_guids, out);
  }
  if (version >= 3) append_string(message.source_client_instance_id, out);
}

}  // namespace dxl
