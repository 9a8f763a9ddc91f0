#include "fabric/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "dxl/topic.hpp"
#include "fabric/lenient_json.hpp"
#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

constexpr std::string_view kCertificatesField = "dxl.certs";

// Register requests have a tighter limit of their own.
constexpr dxl::JsonLimits kJsonLimits{
    .payload_bytes = kMaxBuiltInPayloadBytes, .string_bytes = 16 * 1024, .depth = 8};

// How long a message may be is the shell's to decide.
constexpr dxl::MessageLimits kMessageLimits{
    .message_bytes = std::numeric_limits<std::size_t>::max(), .drops_odd_other_fields = true};

// Whether others would understand what is too much for us alone.
bool is_message_for_others(std::string_view payload) {
  dxl::MessageLimits limits = kMessageLimits;
  limits.list_elements = std::numeric_limits<std::size_t>::max();
  return dxl::decode_message(payload, limits).has_value();
}

// Up to here a destination list is searched as it lies; beyond, it is put into a set first, so that
// many destinations times many subscribers stay affordable.
constexpr std::size_t kSearchedDestinations = 8;

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
    case Refusal::kTooManyElements:
      return "too_many_elements";
  }
  return "unknown";
}

Router::Impl::Impl(RouterOptions given, Authorization authorization, base::Clock& a_clock,
                   base::Random& random)
    : options(std::move(given)),
      clock(a_clock),
      outbox(options.broker_id, random),
      routes(std::move(authorization)),
      registry(options.service_zones),
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

Refusal Router::Impl::refuse_send(const Peer& sender, std::string_view topic,
                                  std::string_view payload, Deliveries& out) {
  detail = routes.authorization().explain(sender.identity, Direction::kSend, topic).reason;
  const auto message = dxl::decode_message(payload, kMessageLimits);
  if (message && message->type == dxl::MessageType::kRequest)
    outbox.respond_error(sender, *message, dxl::kNotAuthorisedToSend,
                         fmt::format("not authorized to send to {}", topic), out);
  return Refusal::kNotAuthorised;
}

// A message with longer lists than we take is not passed on as it is: it would reach others with
// source fields of the sender's choice.
Refusal Router::Impl::take_undecoded(const Route& route, TopicKind kind, std::string_view topic,
                                     std::string_view payload, const dxl::Error& error,
                                     Deliveries& out) {
  const bool is_too_long =
      error.code == dxl::ErrorCode::kLimitExceeded && is_message_for_others(payload);
  if (kind == TopicKind::kOrdinary && !is_too_long) {
    deliver_opaque(route, topic, payload, out);
    return Refusal::kNone;
  }
  detail = error.message;
  return is_too_long ? Refusal::kTooManyElements : Refusal::kOpaqueOnBuiltin;
}

void Router::Impl::find_disowned(const Peer& sender, const dxl::MessageView& error,
                                 std::optional<Change>& change) const {
  if (error.error_code != dxl::kServiceUnavailable || error.service_id.empty()) return;
  const Service* service = registry.find(error.service_id);
  if (service == nullptr || service->connection != sender.id) return;
  change = ServiceDisowned{service->service_guid, sender.id};
}

// The sender is an administrator, or the message would not have come this far.
void Router::Impl::take_revocations(const dxl::MessageView& message,
                                    std::optional<Change>& change) {
  if (message.type != dxl::MessageType::kEvent) return;
  RevocationEvent event = parse_revocation_event(message.payload);
  detail = std::move(event.complaint);
  if (!event.thumbprints.empty()) change = CertificatesRevoked{std::move(event.thumbprints)};
}

Refusal Router::Impl::publish(ConnectionId from, std::string_view topic, std::string_view payload,
                              Deliveries& out, std::optional<Change>& change) {
  change.reset();
  routes.trim();
  detail.clear();
  const Peer* sender = routes.find(from);
  if (sender == nullptr) return Refusal::kNotAuthorised;
  const Route& route = routes.to(topic);
  if (!routes.may_send(*sender, topic, route)) return refuse_send(*sender, topic, payload, out);
  if (route.kind == TopicKind::kBrokerEvent) return Refusal::kBrokerTopic;
  const bool is_unused = route.kind == TopicKind::kTestMode && !options.test_mode;
  const TopicKind kind = is_unused ? TopicKind::kOrdinary : route.kind;

  auto message = dxl::decode_message(payload, kMessageLimits);
  if (!message) return take_undecoded(route, kind, topic, payload, message.error(), out);
  stamp(*sender, *message);
  if (kind != TopicKind::kOrdinary) return serve(*sender, kind, *message, out, change);
  if (message->type != dxl::MessageType::kEvent && options.on_routed) options.on_routed(*message);
  if (message->type == dxl::MessageType::kRequest)
    return route_request(*sender, route, topic, *message, out);
  if (message->type == dxl::MessageType::kErrorResponse) find_disowned(*sender, *message, change);
  if (topic == kRevocationTopic) take_revocations(*message, change);
  deliver(route, topic, *message, out);
  if (message->type == dxl::MessageType::kEvent) request_for_event(*sender, topic, *message, out);
  return Refusal::kNone;
}

Router::Router(RouterOptions options, Authorization authorization, base::Clock& clock,
               base::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(authorization), clock, random)) {}
Router::~Router() = default;

Refusal Router::publish(ConnectionId from, std::string_view topic, std::string_view payload,
                        Deliveries& out, std::optional<Change>& change) {
  return impl_->publish(from, topic, payload, out, change);
}

void Router::respond_error(ConnectionId requester, const dxl::MessageView& request,
                           std::uint32_t code, std::string_view text, Deliveries& out) {
  if (const Peer* peer = impl_->routes.find(requester))
    impl_->outbox.respond_error(*peer, request, code, text, out);
}

std::string_view Router::refusal_detail() const { return impl_->detail; }

bool Router::has_expired_services() const {
  return impl_->registry.has_expired(impl_->clock.now());
}

std::size_t Router::subscription_bytes(ConnectionId connection) const {
  return impl_->routes.subscription_bytes(connection);
}

std::size_t Router::subscription_count(ConnectionId connection) const {
  return impl_->routes.subscription_count(connection);
}

const Authorization& Router::authorization() const { return impl_->routes.authorization(); }
const RevocationList& Router::revocations() const { return impl_->revocations; }
std::size_t Router::connection_count() const { return impl_->routes.size(); }
std::size_t Router::service_count() const { return impl_->registry.size(); }

}  // namespace tiara::fabric
