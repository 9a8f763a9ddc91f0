#include "fabric/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "dxl/topic.hpp"
#include "fabric/registry_json.hpp"
#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

constexpr std::string_view kCertificatesField = "dxl.certs";

// Requests on built-in topics; register requests have a tighter limit of their own.
constexpr dxl::JsonLimits kJsonLimits{
    .payload_bytes = 256 * 1024, .string_bytes = 16 * 1024, .depth = 8};

// Up to here a destination list is searched as it lies; beyond, it is put into a set first, so that
// many destinations times many subscribers stay affordable.
constexpr std::size_t kSearchedDestinations = 8;

using One = std::array<std::string_view, 1>;

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kNotAuthorised:
      return "not_authorised";
    case Refusal::kBrokerTopic:
      return "broker_topic";
    case Refusal::kOpaqueOnBuiltin:
      return "opaque_on_builtin";
    case Refusal::kBadBuiltin:
      return "bad_builtin";
    case Refusal::kNoDestination:
      return "no_destination";
    case Refusal::kForeignService:
      return "foreign_service";
    case Refusal::kOverloaded:
      return "overloaded";
  }
  return "unknown";
}

Router::Impl::Impl(RouterOptions given, Authorization authorization, base::Clock& a_clock,
                   base::Random& random)
    : clock(a_clock),
      outbox(std::move(given.broker_id), random),
      is_overloaded(std::move(given.is_overloaded)),
      routes(std::move(authorization)),
      json(kJsonLimits) {}

void Router::Impl::stamp(const Peer& sender, dxl::MessageView& message) {
  message.version = dxl::kNewestVersion;
  message.source_broker_id = outbox.broker_id();
  message.source_client_id = sender.identity.canonical_id;
  message.source_client_instance_id = sender.identity.instance_id;
  message.source_tenant_guid = {};
  other_fields.clear();
  bool is_key = true, dropped = false;
  message.other_fields.for_each([&](std::string_view text) {
    if (is_key) dropped = text == kCertificatesField;
    if (!dropped) other_fields.push_back(text);
    is_key = !is_key;
  });
  if (!sender.identity.dxl_certs.empty()) {
    other_fields.push_back(kCertificatesField);
    other_fields.push_back(sender.identity.dxl_certs);
  }
  message.other_fields = std::span<const std::string_view>(other_fields);
}

bool Router::Impl::is_addressed_here(const dxl::MessageView& message) const {
  return message.broker_ids.empty() || message.broker_ids.contains(outbox.broker_id());
}

void Router::Impl::select(const Route& route, const dxl::MessageView& message,
                          std::vector<ConnectionId>& targets) {
  if (!is_addressed_here(message)) return;
  const dxl::StringListView& clients = message.client_ids;
  if (clients.empty()) {
    for (const Peer* peer : route.targets) targets.push_back(peer->id);
  } else if (clients.size() <= kSearchedDestinations) {
    for (const Peer* peer : route.targets)
      if (clients.contains(peer->identity.instance_id) ||
          clients.contains(peer->identity.canonical_id))
        targets.push_back(peer->id);
  } else {
    destinations.clear();
    clients.for_each([&](std::string_view client) { destinations.insert(client); });
    for (const Peer* peer : route.targets)
      if (destinations.contains(peer->identity.instance_id) ||
          destinations.contains(peer->identity.canonical_id))
        targets.push_back(peer->id);
  }
}

bool Router::Impl::deliver(const Route& route, std::string_view topic, dxl::MessageView message,
                           Deliveries& out) {
  const std::size_t first = out.targets.size();
  select(route, message, out.targets);
  if (message.type == dxl::MessageType::kEvent) message.client_ids = {};
  return write_message(topic, message, first, out);
}

void Router::Impl::deliver_opaque(const Route& route, std::string_view topic,
                                  std::string_view payload, Deliveries& out) {
  if (route.targets.empty()) return;
  const std::size_t first = out.targets.size();
  for (const Peer* peer : route.targets) out.targets.push_back(peer->id);
  write_bytes(topic, payload, first, out);
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

// To whoever the request names, without those that have too much waiting already.
Refusal Router::Impl::deliver_request(const Peer& sender, const Route& route,
                                      std::string_view topic, const dxl::MessageView& request,
                                      Deliveries& out) {
  const std::size_t first = out.targets.size();
  select(route, request, out.targets);
  const std::size_t selected = out.targets.size();
  if (is_overloaded) {
    const auto begin = out.targets.begin() + static_cast<std::ptrdiff_t>(first);
    out.targets.erase(std::remove_if(begin, out.targets.end(), is_overloaded), out.targets.end());
  }
  if (write_message(topic, request, first, out)) return Refusal::kNone;
  if (selected > first) return outbox.respond_overloaded(sender, request, out);
  return outbox.respond_no_destination(sender, request, out);
}

Refusal Router::Impl::route_request(const Peer& sender, const Route& route, std::string_view topic,
                                    dxl::MessageView request, Deliveries& out) {
  const bool is_explicit =
      !request.service_id.empty() && !request.client_ids.empty() && !request.broker_ids.empty();
  if (is_explicit || topic.starts_with(dxl::kBrokerServicePrefix)) {
    return deliver_request(sender, route, topic, request, out);
  }
  const Service* service = look_up(route, topic, request.service_id);
  const Peer* host = service == nullptr ? nullptr : find_host(*service, route);
  if (host == nullptr) return outbox.respond_no_destination(sender, request, out);
  if (is_overloaded && is_overloaded(host->id))
    return outbox.respond_overloaded(sender, request, out);
  const One brokers{outbox.broker_id()}, clients{service->client_instance_guid};
  request.broker_ids = std::span<const std::string_view>(brokers);
  request.client_ids = std::span<const std::string_view>(clients);
  request.service_id = service->service_guid;
  const std::size_t first = out.targets.size();
  out.targets.push_back(host->id);
  write_message(topic, request, first, out);
  return Refusal::kNone;
}

void Router::Impl::clean_registry(const Peer& sender, const dxl::MessageView& error,
                                  Deliveries& out) {
  if (error.error_code != dxl::kServiceUnavailable || error.service_id.empty()) return;
  const Service* service = registry.find(error.service_id);
  if (service == nullptr || service->connection != sender.id) return;
  if (const auto removed = registry.remove(error.service_id, service->client_guid))
    announce_removal(*removed, out);
}

void Router::Impl::publish_event(std::string_view topic, std::string_view payload,
                                 Deliveries& out) {
  const Route& route = routes.to(topic);
  if (route.targets.empty()) return;
  dxl::MessageView event;
  event.payload = payload;
  std::string id;
  outbox.sign(event, id);
  deliver(route, topic, event, out);
}

void Router::Impl::announce_removal(const Service& service, Deliveries& out) {
  publish_event("/mcafee/event/dxl/svcregistry/unregister",
                unregister_event_json(service.service_guid), out);
}

Refusal Router::Impl::refuse_send(const Peer& sender, std::string_view topic,
                                  std::string_view payload, Deliveries& out) {
  detail = routes.authorization().explain(sender.identity, Direction::kSend, topic).reason;
  const auto message = dxl::decode_message(payload);
  if (message && message->type == dxl::MessageType::kRequest)
    outbox.respond_error(sender, *message, dxl::kNotAuthorisedToSend,
                         fmt::format("not authorized to send to {}", topic), out);
  return Refusal::kNotAuthorised;
}

Refusal Router::Impl::publish(ConnectionId from, std::string_view topic, std::string_view payload,
                              Deliveries& out) {
  routes.trim();
  detail.clear();
  const Peer* sender = routes.find(from);
  if (sender == nullptr) return Refusal::kNotAuthorised;
  const Route& route = routes.to(topic);
  if (!routes.may_send(*sender, topic, route)) return refuse_send(*sender, topic, payload, out);
  if (route.kind == TopicKind::kBrokerEvent) return Refusal::kBrokerTopic;

  auto message = dxl::decode_message(payload);
  if (!message) {
    if (route.kind == TopicKind::kOrdinary) {
      deliver_opaque(route, topic, payload, out);
      return Refusal::kNone;
    }
    detail = message.error().message;
    return Refusal::kOpaqueOnBuiltin;
  }
  stamp(*sender, *message);
  if (route.kind != TopicKind::kOrdinary) return serve(*sender, route.kind, *message, out);
  if (message->type == dxl::MessageType::kRequest)
    return route_request(*sender, route, topic, *message, out);
  if (message->type == dxl::MessageType::kErrorResponse) clean_registry(*sender, *message, out);
  deliver(route, topic, *message, out);
  return Refusal::kNone;
}
Router::Router(RouterOptions options, Authorization authorization, base::Clock& clock,
               base::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(authorization), clock, random)) {}
Router::~Router() = default;

void Router::connect(ConnectionId connection, Identity identity) {
  impl_->routes.connect(connection, std::move(identity));
}

void Router::disconnect(ConnectionId connection, Deliveries& out) {
  impl_->routes.disconnect(connection);
  for (const Service& service : impl_->registry.remove_connection(connection))
    impl_->announce_removal(service, out);
}

void Router::subscribe(ConnectionId connection, std::string_view filter) {
  impl_->routes.subscribe(connection, filter);
}

void Router::unsubscribe(ConnectionId connection, std::string_view filter) {
  impl_->routes.unsubscribe(connection, filter);
}

std::size_t Router::subscription_count(ConnectionId connection) const {
  return impl_->routes.subscription_count(connection);
}

Refusal Router::publish(ConnectionId from, std::string_view topic, std::string_view payload,
                        Deliveries& out) {
  return impl_->publish(from, topic, payload, out);
}

std::string_view Router::refusal_detail() const { return impl_->detail; }

void Router::tick(Deliveries& out) {
  for (const Service& service : impl_->registry.remove_expired(impl_->clock.now()))
    impl_->announce_removal(service, out);
}

void Router::set_authorization(Authorization authorization) {
  impl_->routes.set_authorization(std::move(authorization));
}

const Authorization& Router::authorization() const { return impl_->routes.authorization(); }
std::size_t Router::connection_count() const { return impl_->routes.size(); }
std::size_t Router::service_count() const { return impl_->registry.size(); }

}  // namespace tiara::fabric
