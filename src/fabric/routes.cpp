#include "fabric/routes.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dxl/topic.hpp"

namespace tiara::fabric {

TopicKind kind_of(std::string_view topic) {
  constexpr std::array<std::string_view, 9> kBrokerEvents{
      "brokerregistry/brokerstate", "brokerregistry/brokerstatetopics",
      "brokerregistry/topicadded",  "brokerregistry/topicremoved",
      "clientregistry/connect",     "fabricchange",
      "svcregistry/register",       "svcregistry/unregister",
      "tenant/limit/exceeded",
  };
  constexpr std::pair<std::string_view, TopicKind> kBrokerServices[] = {
      {"svcregistry/register", TopicKind::kRegister},
      {"svcregistry/unregister", TopicKind::kUnregister},
      {"svcregistry/query", TopicKind::kServiceQuery},
      {"brokerregistry/query", TopicKind::kBrokerQuery},
      {"brokerregistry/topicquery", TopicKind::kTopicQuery},
      {"broker/subs", TopicKind::kSubscriptionsQuery},
      {"broker/health", TopicKind::kHealth},
      {"clientregistry/query", TopicKind::kClientQuery},
      {"broker/testmode/enable", TopicKind::kTestMode},
      {"broker/testmode/disable", TopicKind::kTestMode},
  };
  if (topic.starts_with(dxl::kBrokerEventPrefix)) {
    topic.remove_prefix(dxl::kBrokerEventPrefix.size());
    const bool listed =
        std::find(kBrokerEvents.begin(), kBrokerEvents.end(), topic) != kBrokerEvents.end();
    return listed ? TopicKind::kBrokerEvent : TopicKind::kOrdinary;
  }
  if (topic.starts_with(dxl::kBrokerServicePrefix)) {
    topic.remove_prefix(dxl::kBrokerServicePrefix.size());
    const auto at = std::find_if(std::begin(kBrokerServices), std::end(kBrokerServices),
                                 [&](const auto& entry) { return entry.first == topic; });
    return at == std::end(kBrokerServices) ? TopicKind::kOrdinary : at->second;
  }
  if (topic == "/opendxl-tiara/service/fabric/authorization") return TopicKind::kAuthorizationQuery;
  if (topic.starts_with("/opendxl-tiara/service/fabric/")) return TopicKind::kUnknownExtension;
  return TopicKind::kOrdinary;
}

void Routes::connect(ConnectionId connection, Identity identity) {
  peers_[connection] = std::make_unique<Peer>(Peer{connection, std::move(identity)});
  ++generation_;
}

// In place: routes point to the peer.
void Routes::set_identity(ConnectionId connection, Identity identity) {
  const auto at = peers_.find(connection);
  if (at == peers_.end()) return;
  at->second->identity = std::move(identity);
  ++generation_;
}

std::vector<std::string> Routes::disconnect(ConnectionId connection) {
  std::vector<std::string> filters = subscriptions_.remove_all(connection);
  peers_.erase(connection);
  ++generation_;
  return filters;
}

bool Routes::subscribe(ConnectionId connection, std::string_view filter) {
  if (find(connection) == nullptr || !subscriptions_.add(connection, filter)) return false;
  ++generation_;
  return true;
}

bool Routes::unsubscribe(ConnectionId connection, std::string_view filter) {
  if (!subscriptions_.remove(connection, filter)) return false;
  ++generation_;
  return true;
}

std::size_t Routes::subscription_bytes(ConnectionId connection) const {
  return subscriptions_.bytes(connection);
}

std::size_t Routes::subscription_count(ConnectionId connection) const {
  return subscriptions_.count(connection);
}

const Peer* Routes::find(ConnectionId connection) const {
  const auto at = peers_.find(connection);
  return at == peers_.end() ? nullptr : at->second.get();
}

bool Routes::has_client(std::string_view id) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const Identity& identity = entry.second->identity;
    return identity.instance_id == id || identity.canonical_id == id;
  });
}

void Routes::set_authorization(Authorization authorization) {
  authorization_ = std::move(authorization);
  ++generation_;
}

const Route& Routes::to(std::string_view topic) {
  auto at = routes_.find(topic);
  if (at == routes_.end()) {
    at = routes_.try_emplace(std::string(topic)).first;
    at->second.kind = kind_of(topic);
  }
  if (at->second.generation != generation_) refresh(topic, at->second);
  return at->second;
}

void Routes::refresh(std::string_view topic, Route& route) {
  cached_targets_ -= route.targets.size();
  route.targets.clear();
  route.generation = generation_;
  route.anyone_may_send = authorization_.is_open(Direction::kSend, topic, buffer_);
  const bool anyone_may_receive = authorization_.is_open(Direction::kReceive, topic, buffer_);
  matches_.clear();
  subscriptions_.match(topic, matches_);
  for (const ConnectionId connection : matches_) {
    const Peer* peer = find(connection);
    if (anyone_may_receive || may_receive(*peer, topic)) route.targets.push_back(peer);
  }
  cached_targets_ += route.targets.size();
}

void Routes::trim() {
  if (routes_.size() <= kMaxCachedTopics && cached_targets_ <= kMaxCachedTargets) return;
  routes_.clear();
  cached_targets_ = 0;
}

bool Routes::may_send(const Peer& peer, std::string_view topic, const Route& route) {
  return route.anyone_may_send ||
         authorization_.allows(peer.identity, Direction::kSend, topic, buffer_);
}

bool Routes::may_receive(const Peer& peer, std::string_view topic) {
  return authorization_.allows(peer.identity, Direction::kReceive, topic, buffer_);
}

}  // namespace tiara::fabric
