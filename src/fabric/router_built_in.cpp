// Topics the broker answers itself (DXL reference §5.5, extensions.md "Fabric").
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "dxl/message.hpp"
#include "fabric/authorization_query.hpp"
#include "fabric/registry_json.hpp"
#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

// An extension's request that makes no sense is told so with the code our service uses for that;
// the fabric's own topics stay silent, as in the original.
constexpr std::uint32_t kBadRequest = 1;

}  // namespace

Refusal Router::Impl::serve(const Peer& sender, TopicKind kind, const dxl::MessageView& request,
                            Deliveries& out) {
  if (request.type != dxl::MessageType::kRequest) {
    detail = "the message is no request";
    return Refusal::kOpaqueOnBuiltin;
  }
  switch (kind) {
    case TopicKind::kRegister:
      return register_service(sender, request, out);
    case TopicKind::kUnregister:
      return unregister_service(sender, request, out);
    case TopicKind::kServiceQuery:
      return query_services(sender, request, out);
    case TopicKind::kAuthorizationQuery:
      return query_authorization(sender, request, out);
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

Refusal Router::Impl::register_service(const Peer& sender, const dxl::MessageView& request,
                                       Deliveries& out) {
  auto parsed = parse_registration(json, request.payload);
  if (!parsed) return bad_builtin(parsed.error());
  Service service = *std::move(parsed);
  service.connection = sender.id;
  service.client_guid = sender.identity.canonical_id;
  service.client_instance_guid = sender.identity.instance_id;
  for (const Thumbprints& certificate : sender.identity.chain)
    service.certificates.push_back(certificate.sha1);
  service.registration_time = clock.epoch_seconds();
  service.registered_at = clock.now();

  if (registry.find(service.service_guid) == nullptr &&
      registry.count(sender.id) >= kMaxServicesPerConnection) {
    detail = fmt::format("more than {} services on one connection", kMaxServicesPerConnection);
    outbox.respond_error(sender, request, dxl::kServiceLimitExceeded, "service limit exceeded",
                         out);
    return Refusal::kBadBuiltin;
  }
  const std::string guid = service.service_guid;
  if (!registry.put(std::move(service))) {
    detail = "service " + guid + " is registered with another certificate";
    outbox.respond_error(sender, request, dxl::kNotAuthorisedToSend, detail, out);
    return Refusal::kForeignService;
  }
  publish_event("/mcafee/event/dxl/svcregistry/register",
                register_event_json(*registry.find(guid), outbox.broker_id()), out);
  outbox.respond(sender, request, {}, out);
  return Refusal::kNone;
}

Refusal Router::Impl::unregister_service(const Peer& sender, const dxl::MessageView& request,
                                         Deliveries& out) {
  const auto guid = parse_unregistration(json, request.payload);
  if (!guid) return bad_builtin(guid.error());
  const bool is_known = registry.find(*guid) != nullptr;
  const auto removed = registry.remove(*guid, sender.identity.canonical_id);
  if (removed) announce_removal(*removed, out);
  outbox.respond(sender, request, {}, out);
  if (removed || !is_known) return Refusal::kNone;
  detail = "service " + *guid + " is registered with another certificate";
  return Refusal::kForeignService;
}

Refusal Router::Impl::query_services(const Peer& sender, const dxl::MessageView& request,
                                     Deliveries& out) {
  if (!is_addressed_here(request)) return outbox.respond_no_destination(sender, request, out);
  const auto query = parse_service_query(json, request.payload);
  if (!query) return bad_builtin(query.error());
  std::vector<QueriedService> found;
  registry.for_each([&](const Service& service) {
    if (!selects(*query, service)) return;
    QueriedService entry{&service, {}};
    if (const Peer* host = routes.find(service.connection))
      for (const std::string& channel : service.request_channels)
        if (!routes.may_receive(*host, channel)) entry.unauthorized_channels.push_back(channel);
    found.push_back(std::move(entry));
  });
  outbox.respond(sender, request, query_response_json(found, outbox.broker_id()), out);
  return Refusal::kNone;
}

Refusal Router::Impl::query_authorization(const Peer& sender, const dxl::MessageView& request,
                                          Deliveries& out) {
  if (!is_addressed_here(request)) return outbox.respond_no_destination(sender, request, out);
  const auto text =
      answer_authorization_query(routes.authorization(), sender.identity, json, request.payload);
  if (text) {
    outbox.respond(sender, request, *text, out);
    return Refusal::kNone;
  }
  const bool refused = text.error().code == dxl::ErrorCode::kNotAuthorised;
  outbox.respond_error(sender, request, refused ? dxl::kNotAuthorisedToSend : kBadRequest,
                       text.error().message, out);
  detail = text.error().message;
  return refused ? Refusal::kNotAuthorised : Refusal::kBadBuiltin;
}

}  // namespace tiara::fabric
