// Changes of what all replicas share. Nothing here may ask a clock, randomness or anything else
// that differs between replicas.
#include <utility>
#include <variant>

#include "fabric/router_impl.hpp"

namespace tiara::fabric {
namespace {

void note(std::optional<std::string> topic, bool added, const TopicRegistry& topics,
          Outcome& outcome) {
  if (topic) outcome.topics.push_back({added, *std::move(topic), topics.change_count()});
}

}  // namespace

Outcome Router::Impl::apply(const ClientConnected& change) {
  Identity identity = change.identity;
  bring_up_to_date(identity);
  Outcome outcome;
  outcome.came = identity.instance_id;
  routes.connect(change.connection, std::move(identity));
  if (is_revoked(change.identity)) outcome.revoked.push_back(change.connection);
  return outcome;
}

Outcome Router::Impl::apply(const ClientDisconnected& change) {
  Outcome outcome;
  const Peer* peer = routes.find(change.connection);
  if (peer == nullptr) return outcome;
  outcome.left = peer->identity.instance_id;
  for (const std::string& filter : routes.disconnect(change.connection))
    note(topics.remove(filter), false, topics, outcome);
  outcome.removed = registry.remove_connection(change.connection);
  return outcome;
}

Outcome Router::Impl::apply(const Subscribed& change) {
  Outcome outcome;
  for (const std::string& filter : change.filters)
    if (routes.subscribe(change.connection, filter))
      note(topics.add(filter), true, topics, outcome);
  return outcome;
}

Outcome Router::Impl::apply(const Unsubscribed& change) {
  Outcome outcome;
  for (const std::string& filter : change.filters)
    if (routes.unsubscribe(change.connection, filter))
      note(topics.remove(filter), false, topics, outcome);
  return outcome;
}

bool Router::Impl::exceeds_share(const Service& service) const {
  const Service* const old = registry.find(service.service_guid);
  const bool is_refresh = old != nullptr && old->connection == service.connection;
  const std::size_t count = registry.count(service.connection) + (is_refresh ? 0 : 1);
  const std::size_t bytes = registry.bytes(service.connection) + service_bytes(service) -
                            (is_refresh ? service_bytes(*old) : 0);
  return count > kMaxServicesPerConnection || bytes > kMaxServiceBytesPerConnection;
}

Outcome Router::Impl::apply(const ServiceRegistered& change) {
  Service service = change.service;
  Outcome outcome;
  const Peer* const host = routes.find(service.connection);
  // It may have asked under the identity it had before.
  if (host != nullptr && host->identity.in_process_service) set_owner(service, host->identity);
  if (host == nullptr) {
    outcome.refusal = Refusal::kNotAuthorised;  // gone meanwhile
  } else if (exceeds_share(service)) {
    outcome.refusal = Refusal::kBadBuiltin;
  } else if (!registry.put(std::move(service))) {
    outcome.refusal = Refusal::kForeignService;
  }
  return outcome;
}

Outcome Router::Impl::apply(const ServiceUnregistered& change) {
  Outcome outcome;
  const bool is_known = registry.find(change.service_guid) != nullptr;
  if (auto removed = registry.remove(change.service_guid, change.client_guid))
    outcome.removed.push_back(*std::move(removed));
  else if (is_known)
    outcome.refusal = Refusal::kForeignService;
  return outcome;
}

Outcome Router::Impl::apply(const ServiceDisowned& change) {
  Outcome outcome;
  const Service* service = registry.find(change.service_guid);
  if (service == nullptr || service->connection != change.connection) return outcome;
  const std::string owner = service->client_guid;  // a copy: the service goes
  if (auto removed = registry.remove(change.service_guid, owner))
    outcome.removed.push_back(*std::move(removed));
  return outcome;
}

Outcome Router::Impl::apply(const ServicesExpired& change) {
  Outcome outcome;
  outcome.removed = registry.remove_expired(change.now);
  return outcome;
}

Outcome Router::Impl::apply(const AuthorizationReplaced& change) {
  if (change.authorization) routes.set_authorization(*change.authorization);
  return {};
}

// Our own service is not kept out by a list: it comes over no wire.
bool Router::Impl::is_revoked(const Identity& identity) const {
  return !identity.in_process_service && revocations.revokes(identity);
}

Outcome Router::Impl::find_revoked() const {
  Outcome outcome;
  routes.for_each([&](const Peer& peer) {
    if (is_revoked(peer.identity)) outcome.revoked.push_back(peer.id);
  });
  return outcome;
}

Outcome Router::Impl::apply(const CertificatesRevoked& change) {
  std::vector<std::string> all = revocations.thumbprints();
  all.insert(all.end(), change.thumbprints.begin(), change.thumbprints.end());
  if (all.size() > kMaxRevocations) all.resize(kMaxRevocations);
  revocations = RevocationList(all);
  return find_revoked();
}

Outcome Router::Impl::apply(const RevocationsReplaced& change) {
  revocations = change.list;
  return find_revoked();
}

void Router::Impl::bring_up_to_date(Identity& identity) const {
  if (!identity.in_process_service || !service_identity) return;
  std::string uuid = identity.instance_id.substr(identity.instance_id.rfind(':') + 1);
  Identity now = make_identity(service_identity->chain, service_identity->subject, std::move(uuid));
  now.reply_topic = std::move(identity.reply_topic);
  now.in_process_service = true;
  identity = std::move(now);
}

// Subscriptions and services stay; requests on their way find the connection by its number.
Outcome Router::Impl::apply(const ServiceIdentityReplaced& change) {
  service_identity = change;
  Outcome outcome;
  std::vector<ConnectionId> own;
  routes.for_each([&own](const Peer& peer) {
    if (peer.identity.in_process_service) own.push_back(peer.id);
  });
  for (const ConnectionId connection : own) {
    Identity identity = routes.find(connection)->identity;
    outcome.left = identity.instance_id;
    bring_up_to_date(identity);
    outcome.came = identity.instance_id;
    registry.set_owner(connection, identity);
    routes.set_identity(connection, std::move(identity));
  }
  return outcome;
}

Outcome Router::Impl::apply(const OptionsReplaced& change) {
  options.connection_limit = change.connection_limit;
  options.send_connect_events = change.send_connect_events;
  options.test_mode = change.test_mode;
  return {};
}

Outcome Router::apply(const Change& change) {
  return std::visit([this](const auto& kind) { return impl_->apply(kind); }, change);
}

}  // namespace tiara::fabric
