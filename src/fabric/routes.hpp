// Who gets what is published to a topic: the connected peers, their subscriptions and the
// authorization, with the answer cached per topic.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_map.hpp"
#include "fabric/authorization.hpp"
#include "fabric/identity.hpp"
#include "fabric/subscriptions.hpp"

namespace tiara::fabric {

struct Peer {
  ConnectionId id = 0;
  Identity identity;
};

// Topics the broker itself has to do with.
enum class TopicKind : std::uint8_t {
  kOrdinary,
  kBrokerEvent,  // only brokers publish there (§5.2)
  kRegister,
  kUnregister,
  kServiceQuery,
  kBrokerQuery,
  kTopicQuery,
  kSubscriptionsQuery,
  kHealth,
  kClientQuery,
  kTestMode,
  kAuthorizationQuery,
  kUnknownExtension,  // kept free for the broker: no client serves it
};
TopicKind kind_of(std::string_view topic);

struct Route {
  TopicKind kind = TopicKind::kOrdinary;
  bool anyone_may_send = false;
  std::vector<const Peer*> targets;  // subscribed and allowed to receive, each once
  std::uint64_t generation = 0;
};

class Routes {
 public:
  // Bounds of the cache, in topics and in targets summed over them: about 24 MiB at worst.
  static constexpr std::size_t kMaxCachedTopics = 4'096;
  static constexpr std::size_t kMaxCachedTargets = 1'000'000;

  explicit Routes(Authorization authorization) : authorization_(std::move(authorization)) {}

  void connect(ConnectionId connection, Identity identity);
  void set_identity(ConnectionId connection, Identity identity);
  // The filters it had, sorted.
  std::vector<std::string> disconnect(ConnectionId connection);
  // False if nothing changes.
  bool subscribe(ConnectionId connection, std::string_view filter);
  bool unsubscribe(ConnectionId connection, std::string_view filter);
  std::size_t count_subscriptions_to(std::string_view topic) const {
    return subscriptions_.count_matching(topic);
  }
  std::size_t subscription_count(ConnectionId connection) const;
  std::size_t subscription_bytes(ConnectionId connection) const;

  const Peer* find(ConnectionId connection) const;
  std::size_t size() const { return peers_.size(); }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, peer] : peers_) visit(static_cast<const Peer&>(*peer));
  }
  // By instance id or canonical id.
  bool has_client(std::string_view id) const;

  void set_authorization(Authorization authorization);
  const Authorization& authorization() const { return authorization_; }

  // The reference stays valid until trim(), disconnect() or another call that changes who gets
  // what. Allocates nothing for a topic seen before.
  const Route& to(std::string_view topic);
  // Forgets routes beyond the bounds; call between messages.
  void trim();

  bool may_send(const Peer& peer, std::string_view topic, const Route& route);
  bool may_receive(const Peer& peer, std::string_view topic);

 private:
  void refresh(std::string_view topic, Route& route);

  Authorization authorization_;
  Subscriptions subscriptions_;
  absl::flat_hash_map<ConnectionId, std::unique_ptr<Peer>> peers_;
  base::StableTextMap<Route> routes_;
  std::size_t cached_targets_ = 0;
  std::uint64_t generation_ = 1;  // grows with every change of subscriptions or authorization
  std::vector<ConnectionId> matches_;
  std::string buffer_;
};

}  // namespace tiara::fabric
