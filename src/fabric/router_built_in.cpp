// Topics the broker answers itself (DXL reference §5.5, §5.6, extensions.md "Fabric").
#include <algorithm>
#include <utility>
#include <vector>

#include "dxl/message.hpp"
#include "dxl/topic.hpp"
#include "fabric/authorization_query.hpp"
#include "fabric/broker_json.hpp"
#include "fabric/registry_json.hpp"
#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

// An extension's request that makes no sense is told so with the code our service uses for that;
// the fabric's own topics stay silent, as in the original.
constexpr std::uint32_t kBadRequest = 1;

Asker to_asker(const Peer& sender, const dxl::MessageView& request) {
  return {sender.id, std::string(request.message_id), std::string(request.reply_to_topic),
          std::string(request.service_id)};
}

// Those that other brokers would answer too, if there were any: a request for other brokers only
// reaches nobody here.
bool is_for_addressed_brokers(TopicKind kind) {
  return kind == TopicKind::kServiceQuery || kind == TopicKind::kBrokerQuery ||
         kind == TopicKind::kTopicQuery || kind == TopicKind::kAuthorizationQuery;
}

}  // namespace

Refusal Router::Impl::serve(const Peer& sender, TopicKind kind, const dxl::MessageView& request,
                            Deliveries& out, std::optional<Change>& change) {
  if (request.type != dxl::MessageType::kRequest) {
    detail = "the message is no request";
    return Refusal::kOpaqueOnBuiltin;
  }
  if (is_for_addressed_brokers(kind) && !is_addressed_here(request))
    return outbox.respond_no_destination(sender, request, out);
  const bool is_question = kind != TopicKind::kRegister && kind != TopicKind::kUnregister;
  if (is_question && !dxl::is_valid_topic(request.reply_to_topic)) {
    detail = "there is no topic to answer on";
    return Refusal::kBadBuiltin;
  }
  switch (kind) {
    case TopicKind::kRegister:
      return register_service(sender, request, change);
    case TopicKind::kUnregister:
      return unregister_service(sender, request, change);
    case TopicKind::kServiceQuery:
      return query_services(sender, request, out);
    case TopicKind::kBrokerQuery:
      return query_broker(sender, request, out);
    case TopicKind::kTopicQuery:
      return query_topics(sender, request, out);
    case TopicKind::kSubscriptionsQuery:
      return count_subscriptions(sender, request, out);
    case TopicKind::kHealth:
      return report_health(sender, request, out);
    case TopicKind::kClientQuery:
      return find_client(sender, request, out);
    case TopicKind::kTestMode:
      return answer(sender, request, {}, out);  // nothing visible depends on the flag
    case TopicKind::kAuthorizationQuery:
      return query_authorization(sender, request, out);
    case TopicKind::kUnknownExtension:
      return outbox.respond_no_destination(sender, request, out);
    case TopicKind::kOrdinary:
    case TopicKind::kBrokerEvent:
      break;
  }
  return Refusal::kNone;
}

Refusal Router::Impl::bad_builtin(const dxl::Error& error) {
  detail = error.message;
  return Refusal::kBadBuiltin;
}

Refusal Router::Impl::answer(const Peer& sender, const dxl::MessageView& request,
                             std::string_view payload, Deliveries& out) {
  outbox.respond(sender, request, payload, out);
  return Refusal::kNone;
}

Refusal Router::Impl::register_service(const Peer& sender, const dxl::MessageView& request,
                                       std::optional<Change>& change) {
  auto parsed = parse_registration(json, request.payload);
  if (!parsed) return bad_builtin(parsed.error());
  Service service = *std::move(parsed);
  service.connection = sender.id;
  set_owner(service, sender.identity);
  service.broker_zones = options.service_zones;
  service.registration_time = clock.epoch_seconds();
  service.registered_at = clock.now();
  change = ServiceRegistered{std::move(service), to_asker(sender, request)};
  return Refusal::kNone;
}

Refusal Router::Impl::unregister_service(const Peer& sender, const dxl::MessageView& request,
                                         std::optional<Change>& change) {
  auto guid = parse_unregistration(json, request.payload);
  if (!guid) return bad_builtin(guid.error());
  change = ServiceUnregistered{*std::move(guid), sender.identity.canonical_id,
                               to_asker(sender, request)};
  return Refusal::kNone;
}

std::optional<std::string> Router::Impl::services_json(const ServiceQuery& query) {
  std::vector<QueriedService> found;
  std::size_t bytes = 0;
  registry.for_each([&](const Service& service) {
    if (bytes > kMaxServiceListBytes || !selects(query, service)) return;
    bytes += service_bytes(service);
    if (bytes > kMaxServiceListBytes) return;
    QueriedService entry{&service, {}};
    if (const Peer* host = routes.find(service.connection))
      for (const std::string& channel : service.request_channels)
        if (!routes.may_receive(*host, channel)) entry.unauthorized_channels.push_back(channel);
    found.push_back(std::move(entry));
  });
  if (bytes > kMaxServiceListBytes) return std::nullopt;
  return query_response_json(found, outbox.broker_id());
}

Refusal Router::Impl::query_services(const Peer& sender, const dxl::MessageView& request,
                                     Deliveries& out) {
  const auto query = parse_service_query(json, request.payload);
  if (!query) return bad_builtin(query.error());
  if (const auto list = services_json(*query)) return answer(sender, request, *list, out);
  detail = fmt::format("the services are more than {} bytes", kMaxServiceListBytes);
  outbox.respond_error(sender, request, dxl::kMessageTooLarge,
                       "the list is too long; ask for one serviceGuid or serviceType", out);
  return Refusal::kBadBuiltin;
}

Refusal Router::Impl::query_broker(const Peer& sender, const dxl::MessageView& request,
                                   Deliveries& out) {
  const auto guid = parse_broker_query(json, request.payload);
  if (!guid) return bad_builtin(guid.error());
  const bool is_known = guid->value_or(options.broker_id) == options.broker_id;
  return answer(sender, request, is_known ? broker_query_json(options) : no_broker_json(), out);
}

Refusal Router::Impl::query_topics(const Peer& sender, const dxl::MessageView& request,
                                   Deliveries& out) {
  const auto query = parse_topic_query(json, request.payload);
  if (!query) return bad_builtin(query.error());
  if (query->broker_guid.value_or(options.broker_id) != options.broker_id)
    return answer(sender, request, topic_query_json(0, false), out);
  const bool all_exist =
      std::all_of(query->topics.begin(), query->topics.end(),
                  [this](const std::string& topic) { return topics.contains(topic); });
  return answer(sender, request, topic_query_json(topics.size(), all_exist), out);
}

Refusal Router::Impl::count_subscriptions(const Peer& sender, const dxl::MessageView& request,
                                          Deliveries& out) {
  const auto topic = parse_subscriptions_query(json, request.payload);
  if (!topic) return bad_builtin(topic.error());
  return answer(sender, request, subscriptions_json(routes.count_subscriptions_to(*topic)), out);
}

Refusal Router::Impl::report_health(const Peer& sender, const dxl::MessageView& request,
                                    Deliveries& out) {
  const Health health{routes.size(), registry.size(),
                      options.rates ? options.rates() : MessageRates{}, options.start_time};
  return answer(sender, request, health_json(health), out);
}

// Whoever asks about a client that is nowhere waits in vain, as with the original.
Refusal Router::Impl::find_client(const Peer& sender, const dxl::MessageView& request,
                                  Deliveries& out) {
  const auto id = parse_client_query(json, request.payload);
  if (!id) return bad_builtin(id.error());
  return routes.has_client(*id) ? answer(sender, request, client_found_json(), out)
                                : Refusal::kNone;
}

Refusal Router::Impl::query_authorization(const Peer& sender, const dxl::MessageView& request,
                                          Deliveries& out) {
  const auto text =
      answer_authorization_query(routes.authorization(), sender.identity, json, request.payload);
  if (text) return answer(sender, request, *text, out);
  const bool refused = text.error().code == dxl::ErrorCode::kNotAuthorised;
  outbox.respond_error(sender, request, refused ? dxl::kNotAuthorisedToSend : kBadRequest,
                       text.error().message, out);
  detail = text.error().message;
  return refused ? Refusal::kNotAuthorised : Refusal::kBadBuiltin;
}

bool Router::asks_for_dump(std::string_view topic) const {
  return impl_->options.test_mode && (topic == "/mcafee/event/dxl/dumpbrokerstate" ||
                                      topic == "/mcafee/event/dxl/dumpservicestate");
}

std::string Router::describe_state() const {
  return "brokers " + broker_query_json(impl_->options) + "topics " +
         topic_query_json(impl_->topics.size(), true) + "services " +
         impl_->services_json({}).value_or("more than can be listed\n");
}

}  // namespace tiara::fabric
