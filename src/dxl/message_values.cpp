#include <type_traits>
#include <utility>

#include "dxl/message_codec.hpp"

namespace dxl {
namespace {

std::vector<std::pair<std::string, std::string>> to_pairs(const StringListView& flat) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(flat.size() / 2);
  bool is_key = true;
  flat.for_each([&pairs, &is_key](std::string_view element) {
    if (is_key) {
      pairs.emplace_back(element, std::string());
    } else {
      pairs.back().second = element;
    }
    is_key = !is_key;
  });
  return pairs;
}

Header to_header(const MessageView& view) {
  return Header{
      .message_id = {std::string(view.message_id)},
      .source_client_id = {std::string(view.source_client_id)},
      .source_broker_id = {std::string(view.source_broker_id)},
      .broker_ids = view.broker_ids.to_strings(),
      .client_ids = view.client_ids.to_strings(),
      .other_fields = to_pairs(view.other_fields),
      .source_tenant_guid = std::string(view.source_tenant_guid),
      .destination_tenant_guids = view.destination_tenant_guids.to_strings(),
      .source_client_instance_id = std::string(view.source_client_instance_id),
  };
}

StringListView list_of(const std::vector<std::string>& strings) {
  return std::span<const std::string>(strings);
}

void view_header(const Header& header, std::vector<std::string_view>& scratch, MessageView& view) {
  view.message_id = header.message_id.value;
  view.source_client_id = header.source_client_id.value;
  view.source_broker_id = header.source_broker_id.value;
  view.broker_ids = list_of(header.broker_ids);
  view.client_ids = list_of(header.client_ids);
  scratch.clear();
  for (const auto& [key, value] : header.other_fields) {
    scratch.push_back(key);
    scratch.push_back(value);
  }
  view.other_fields = std::span<const std::string_view>(scratch);
  view.source_tenant_guid = header.source_tenant_guid;
  view.destination_tenant_guids = list_of(header.destination_tenant_guids);
  view.source_client_instance_id = header.source_client_instance_id;
}

void view_own_fields(const Request& request, MessageView& view) {
  view.type = MessageType::kRequest;
  view.reply_to_topic = request.reply_to_topic;
  view.service_id = request.service_id.value;
}

void view_own_fields(const Response& response, MessageView& view) {
  view.type = MessageType::kResponse;
  view.request_message_id = response.request_message_id.value;
  view.service_id = response.service_id.value;
}

void view_own_fields(const Event&, MessageView& view) { view.type = MessageType::kEvent; }

void view_own_fields(const ErrorResponse& error, MessageView& view) {
  view.type = MessageType::kErrorResponse;
  view.request_message_id = error.request_message_id.value;
  view.service_id = error.service_id.value;
  view.error_code = error.error_code;
  view.error_message = error.error_message;
}

}  // namespace

Message to_message(const MessageView& view, std::string_view topic) {
  switch (view.type) {
    case MessageType::kRequest:
      return Request{.topic = std::string(topic),
                     .payload = std::string(view.payload),
                     .reply_to_topic = std::string(view.reply_to_topic),
                     .service_id = {std::string(view.service_id)},
                     .header = to_header(view)};
    case MessageType::kResponse:
      return Response{.topic = std::string(topic),
                      .payload = std::string(view.payload),
                      .request_message_id = {std::string(view.request_message_id)},
                      .service_id = {std::string(view.service_id)},
                      .header = to_header(view)};
    case MessageType::kErrorResponse:
      // The payload of an ErrorResponse is always empty by convention and not part of the value.
      return ErrorResponse{.topic = std::string(topic),
                           .error_code = view.error_code,
                           .error_message = std::string(view.error_message),
                           .request_message_id = {std::string(view.request_message_id)},
                           .service_id = {std::string(view.service_id)},
                           .header = to_header(view)};
    case MessageType::kEvent:
      break;
  }
  return Event{
      .topic = std::string(topic), .payload = std::string(view.payload), .header = to_header(view)};
}

MessageView to_view(const Message& message, std::vector<std::string_view>& scratch) {
  MessageView view;
  std::visit(
      [&view, &scratch](const auto& value) {
        view_header(value.header, scratch, view);
        view_own_fields(value, view);
        if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, ErrorResponse>) {
          view.payload = value.payload;
        }
      },
      message);
  return view;
}

}  // namespace dxl
