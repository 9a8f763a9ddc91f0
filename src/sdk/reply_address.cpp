#include "sdk/reply_address.hpp"

#include <utility>

namespace tiara::sdk {
namespace {

// The same members of both kinds of answer.
template <class Answer>
Answer answer_to(const dxl::Request& request) {
  Answer answer;
  answer.topic = request.reply_to_topic;
  answer.request_message_id = request.header.message_id;
  answer.service_id = request.service_id;
  const dxl::Header& from = request.header;
  if (!from.source_broker_id.empty()) {
    answer.header.broker_ids.push_back(from.source_broker_id.value);
  }
  // The instance is one connection; the canonical id is everybody with that certificate.
  const std::string& client = from.source_client_instance_id.empty()
                                  ? from.source_client_id.value
                                  : from.source_client_instance_id;
  if (!client.empty()) answer.header.client_ids.push_back(client);
  return answer;
}

}  // namespace

dxl::Response make_response(const dxl::Request& to, std::string payload) {
  auto response = answer_to<dxl::Response>(to);
  response.payload = std::move(payload);
  return response;
}

dxl::ErrorResponse make_error(const dxl::Request& to, std::uint32_t code, std::string message) {
  auto error = answer_to<dxl::ErrorResponse>(to);
  error.error_code = code;
  error.error_message = std::move(message);
  return error;
}

}  // namespace tiara::sdk
