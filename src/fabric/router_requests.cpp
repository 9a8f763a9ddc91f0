// Requests to services (DXL reference §5.4).
#include <algorithm>
#include <array>
#include <span>

#include "dxl/topic.hpp"
#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

using One = std::array<std::string_view, 1>;

// An event becomes at most this many requests, however many services of different kinds want it.
constexpr std::size_t kMaxRequestsPerEvent = 16;

}  // namespace

bool Router::Impl::is_overloaded(ConnectionId connection) const {
  return options.is_overloaded && options.is_overloaded(connection);
}

const Peer* Router::Impl::find_host(const Service& service, const Route& route) const {
  const Peer* host = routes.find(service.connection);
  const bool listens =
      std::find(route.targets.begin(), route.targets.end(), host) != route.targets.end();
  return listens ? host : nullptr;
}

const Service* Router::Impl::look_up(const Route& route, std::string_view topic,
                                     std::string_view service_id) {
  if (!service_id.empty()) return registry.find(service_id);
  return registry.next(topic, clock.now(), [this, &route](const Service& service) {
    return find_host(service, route) != nullptr;
  });
}

void Router::Impl::send_to_service(const Service& service, const Peer& host, std::string_view topic,
                                   dxl::MessageView request, Deliveries& out) const {
  const One brokers{outbox.broker_id()}, clients{service.client_instance_guid};
  request.broker_ids = std::span<const std::string_view>(brokers);
  request.client_ids = std::span<const std::string_view>(clients);
  request.service_id = service.service_guid;
  const std::size_t first = out.targets.size();
  out.targets.push_back(host.id);
  write_message(topic, request, first, out);
}

// To whoever the request names, without those that have too much waiting already.
Refusal Router::Impl::deliver_request(const Peer& sender, const Route& route,
                                      std::string_view topic, const dxl::MessageView& request,
                                      Deliveries& out) {
  const std::size_t first = out.targets.size();
  select(route, request, out.targets);
  const std::size_t selected = out.targets.size();
  if (options.is_overloaded) {
    const auto begin = out.targets.begin() + static_cast<std::ptrdiff_t>(first);
    out.targets.erase(std::remove_if(begin, out.targets.end(), options.is_overloaded),
                      out.targets.end());
  }
  if (write_message(topic, request, first, out)) return Refusal::kNone;
  if (selected > first) return outbox.respond_overloaded(sender, request, out);
  return outbox.respond_no_destination(sender, request, out);
}

Refusal Router::Impl::route_request(const Peer& sender, const Route& route, std::string_view topic,
                                    const dxl::MessageView& request, Deliveries& out) {
  const bool is_explicit =
      !request.service_id.empty() && !request.client_ids.empty() && !request.broker_ids.empty();
  if (is_explicit || topic.starts_with(dxl::kBrokerServicePrefix)) {
    return deliver_request(sender, route, topic, request, out);
  }
  const Service* service = look_up(route, topic, request.service_id);
  const Peer* host = service == nullptr ? nullptr : find_host(*service, route);
  if (host == nullptr) return outbox.respond_no_destination(sender, request, out);
  if (is_overloaded(host->id)) return outbox.respond_overloaded(sender, request, out);
  send_to_service(*service, *host, topic, request, out);
  return Refusal::kNone;
}

// The sender needs the right to send to the new topic too: a service must not lend anybody rights
// by the prefix it registers. Nobody waits for an answer, so that failures stay silent.
void Router::Impl::request_for_event(const Peer& sender, std::string_view topic,
                                     const dxl::MessageView& event, Deliveries& out) {
  const std::vector<EventPrefix>* prefixes = registry.find_event_prefixes(topic);
  if (prefixes == nullptr) return;
  dxl::MessageView request;
  request.type = dxl::MessageType::kRequest;
  request.message_id = event.message_id;
  request.source_client_id = event.source_client_id;
  request.source_broker_id = event.source_broker_id;
  request.source_client_instance_id = event.source_client_instance_id;
  request.payload = event.payload;
  const std::size_t count = std::min(prefixes->size(), kMaxRequestsPerEvent);
  for (std::size_t i = 0; i < count; ++i) {
    request_topic.assign((*prefixes)[i].prefix).append(topic);
    if (!dxl::is_valid_topic(request_topic)) continue;
    if (request_topic.starts_with(dxl::kBrokerServicePrefix)) continue;
    const Route& route = routes.to(request_topic);
    if (route.kind != TopicKind::kOrdinary) continue;
    if (!routes.may_send(sender, request_topic, route)) continue;
    const Service* service = look_up(route, request_topic, {});
    const Peer* host = service == nullptr ? nullptr : find_host(*service, route);
    if (host == nullptr || is_overloaded(host->id)) continue;
    reply_topic.assign(dxl::kClientTopicPrefix).append(event.source_client_id);
    request.reply_to_topic = reply_topic;
    send_to_service(*service, *host, request_topic, request, out);
  }
}

}  // namespace tiara::fabric
