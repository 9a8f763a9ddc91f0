#include "fabric/outbox.hpp"

#include <array>
#include <span>
#include <utility>

#include "dxl/message.hpp"
#include "dxl/topic.hpp"

namespace tiara::fabric {
namespace {

template <class Append>
bool write(std::string_view topic, std::size_t first_target, Deliveries& out, Append&& append) {
  if (out.targets.size() == first_target) return false;
  Delivery delivery;
  delivery.topic_begin = out.bytes.size();
  delivery.topic_size = topic.size();
  out.bytes.append(topic);
  delivery.payload_begin = out.bytes.size();
  append();
  delivery.payload_size = out.bytes.size() - delivery.payload_begin;
  delivery.first_target = first_target;
  delivery.target_count = out.targets.size() - first_target;
  out.items.push_back(delivery);
  return true;
}

}  // namespace

bool write_message(std::string_view topic, const dxl::MessageView& message,
                   std::size_t first_target, Deliveries& out) {
  return write(topic, first_target, out, [&] { dxl::append_message(message, out.bytes); });
}

bool write_bytes(std::string_view topic, std::string_view payload, std::size_t first_target,
                 Deliveries& out) {
  return write(topic, first_target, out, [&] { out.bytes.append(payload); });
}

void Outbox::sign(dxl::MessageView& message, std::string& id) const {
  id = base::make_uuid(random_);
  message.message_id = id;
  message.source_client_id = broker_id_;
  message.source_broker_id = broker_id_;
  message.source_client_instance_id = broker_id_;
}

void Outbox::reply(const Peer& requester, const dxl::MessageView& request, dxl::MessageView message,
                   Deliveries& out) const {
  if (!dxl::is_valid_topic(request.reply_to_topic)) return;
  const std::array<std::string_view, 1> brokers{broker_id_};
  const std::array<std::string_view, 1> clients{requester.identity.instance_id};
  std::string id;
  sign(message, id);
  message.broker_ids = std::span<const std::string_view>(brokers);
  message.client_ids = std::span<const std::string_view>(clients);
  message.request_message_id = request.message_id;
  const std::size_t first = out.targets.size();
  out.targets.push_back(requester.id);
  write_message(request.reply_to_topic, message, first, out);
}

void Outbox::respond(const Peer& requester, const dxl::MessageView& request,
                     std::string_view payload, Deliveries& out) const {
  dxl::MessageView message;
  message.type = dxl::MessageType::kResponse;
  message.payload = payload;
  reply(requester, request, message, out);
}

void Outbox::respond_error(const Peer& requester, const dxl::MessageView& request,
                           std::uint32_t code, std::string_view text, Deliveries& out) const {
  dxl::MessageView message;
  message.type = dxl::MessageType::kErrorResponse;
  message.service_id = request.service_id;
  message.error_code = code;
  message.error_message = text;
  reply(requester, request, message, out);
}

Refusal Outbox::respond_no_destination(const Peer& requester, const dxl::MessageView& request,
                                       Deliveries& out) const {
  respond_error(requester, request, dxl::kServiceUnavailable,
                "unable to locate service for request", out);
  return Refusal::kNoDestination;
}

Refusal Outbox::respond_overloaded(const Peer& requester, const dxl::MessageView& request,
                                   Deliveries& out) const {
  respond_error(requester, request, dxl::kServiceOverloaded, "service is overloaded", out);
  return Refusal::kOverloaded;
}

}  // namespace tiara::fabric
