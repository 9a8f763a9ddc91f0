// What an applied change is told to others: the broker's events (DXL reference §5.7) and the answer
// to who asked for it.
#include <fmt/format.h>

#include <array>
#include <variant>

#include "dxl/message.hpp"
#include "fabric/broker_json.hpp"
#include "fabric/registry_json.hpp"
#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

// What an answer needs of the request.
dxl::MessageView to_request(const Asker& asker) {
  dxl::MessageView request;
  request.type = dxl::MessageType::kRequest;
  request.message_id = asker.message_id;
  request.reply_to_topic = asker.reply_to_topic;
  request.service_id = asker.service_id;
  return request;
}

std::string foreign_service(std::string_view service_guid) {
  return fmt::format("service {} is registered with another certificate", service_guid);
}

}  // namespace

template <class MakePayload>
void Router::Impl::publish_event(std::string_view topic, MakePayload&& make_payload,
                                 Deliveries& out, std::span<const std::string_view> fields) {
  const Route& route = routes.to(topic);
  if (route.targets.empty()) return;
  const std::string payload = make_payload();
  dxl::MessageView event;
  event.payload = payload;
  event.other_fields = fields;
  std::string id;
  outbox.sign(event, id);
  deliver(route, topic, event, out);
}

void Router::Impl::announce_topic(const Outcome::TopicChange& topic, Deliveries& out) {
  const std::string start_time = std::to_string(options.start_time);
  const std::string change_count = std::to_string(topic.change_count);
  const std::array<std::string_view, 4> fields{"startTime", start_time, "changeCount",
                                               change_count};
  publish_event(
      topic.added ? "/mcafee/event/dxl/brokerregistry/topicadded"
                  : "/mcafee/event/dxl/brokerregistry/topicremoved",
      [&] { return topic_event_json(topic.topic); }, out, fields);
}

void Router::Impl::answer_registration(const ServiceRegistered& change, const Outcome& outcome,
                                       Deliveries& out) {
  const Peer* asker = routes.find(change.asker.connection);
  const dxl::MessageView request = to_request(change.asker);
  if (outcome.refusal == Refusal::kNone) {
    publish_event(
        "/mcafee/event/dxl/svcregistry/register",
        [&] { return register_event_json(change.service, outbox.broker_id()); }, out);
    if (asker != nullptr) outbox.respond(*asker, request, {}, out);
  } else if (outcome.refusal == Refusal::kForeignService) {
    detail = foreign_service(change.service.service_guid);
    if (asker != nullptr)
      outbox.respond_error(*asker, request, dxl::kNotAuthorisedToSend, detail, out);
  } else if (outcome.refusal == Refusal::kBadBuiltin) {
    detail = fmt::format("more than {} services on one connection, or {} bytes of them",
                         kMaxServicesPerConnection, kMaxServiceBytesPerConnection);
    if (asker != nullptr)
      outbox.respond_error(*asker, request, dxl::kServiceLimitExceeded, "service limit exceeded",
                           out);
  }
}

// Answered with an empty response whatever comes of it.
void Router::Impl::answer_unregistration(const ServiceUnregistered& change, const Outcome& outcome,
                                         Deliveries& out) {
  if (outcome.refusal == Refusal::kForeignService) detail = foreign_service(change.service_guid);
  if (const Peer* asker = routes.find(change.asker.connection))
    outbox.respond(*asker, to_request(change.asker), {}, out);
}

Refusal Router::Impl::announce(const Change& change, const Outcome& outcome, Deliveries& out) {
  routes.trim();
  detail.clear();
  for (const Outcome::TopicChange& topic : outcome.topics) announce_topic(topic, out);
  for (const Service& service : outcome.removed)
    publish_event(
        "/mcafee/event/dxl/svcregistry/unregister",
        [&] { return unregister_event_json(service.service_guid); }, out);
  for (const auto& [id, topic] :
       {std::pair(&outcome.left, "/mcafee/event/dxl/clientregistry/disconnect"),
        std::pair(&outcome.came, "/mcafee/event/dxl/clientregistry/connect")})
    if (!id->empty() && options.send_connect_events)
      publish_event(
          topic, [id = id] { return client_event_json(*id); }, out);
  if (const auto* registered = std::get_if<ServiceRegistered>(&change)) {
    answer_registration(*registered, outcome, out);
  } else if (const auto* unregistered = std::get_if<ServiceUnregistered>(&change)) {
    answer_unregistration(*unregistered, outcome, out);
  }
  return outcome.refusal;
}

Refusal Router::announce(const Change& change, const Outcome& outcome, Deliveries& out) {
  return impl_->announce(change, outcome, out);
}

}  // namespace tiara::fabric
