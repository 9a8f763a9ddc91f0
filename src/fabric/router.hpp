// The fabric's decisions as a pure state machine: changes and publishes in, deliveries out (DXL
// reference §5). Touches no socket, clock or thread. Each I/O thread of the broker shell owns a
// replica and is its only caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports.hpp"
#include "dxl/message_codec.hpp"
#include "fabric/authorization.hpp"
#include "fabric/change.hpp"
#include "fabric/identity.hpp"

namespace tiara::fabric {

// One message to hand to some connections: the same bytes for all of them.
struct Delivery {
  std::size_t topic_begin = 0, topic_size = 0;      // in Deliveries::bytes
  std::size_t payload_begin = 0, payload_size = 0;  // in Deliveries::bytes
  std::size_t first_target = 0, target_count = 0;   // in Deliveries::targets
};

// What one call decided. Reused between calls: clear() keeps the capacity, so steady state
// allocates nothing.
struct Deliveries {
  std::string bytes;
  std::vector<ConnectionId> targets;
  std::vector<Delivery> items;

  void clear() {
    bytes.clear();
    targets.clear();
    items.clear();
  }
  std::string_view topic(const Delivery& d) const {
    return std::string_view(bytes).substr(d.topic_begin, d.topic_size);
  }
  std::string_view payload(const Delivery& d) const {
    return std::string_view(bytes).substr(d.payload_begin, d.payload_size);
  }
};

// Why a publish was not delivered, for counters and the log. Each is also a metric name.
enum class Refusal : std::uint8_t {
  kNone,
  kNotAuthorised,    // send denied; a request was answered with 0x80000013
  kBrokerTopic,      // an ordinary client published to a broker-only event topic (§5.2)
  kOpaqueOnBuiltin,  // not a DXL message, or not a request, on a topic the broker answers itself
                     // (§2.4)
  kBadBuiltin,       // a built-in topic's payload was not what it must be
  kNoDestination,    // a request reached nobody; answered with 0x80000001
  kForeignService,   // registering or unregistering somebody else's service
  kOverloaded,       // a request's receiver has too much waiting; answered with 0x80000002
  kTooManyElements,  // a list of the message is longer than the decoder's limit
};
inline constexpr std::size_t kRefusalCount = 9;
std::string_view to_string(Refusal refusal);

// More services of one connection, or more bytes in their names, are refused with 0x80000011.
inline constexpr std::size_t kMaxServicesPerConnection = 256;
inline constexpr std::size_t kMaxServiceBytesPerConnection = 1024 * 1024;
// A longer list of services is not sent: it would make whoever asked too slow a consumer.
inline constexpr std::size_t kMaxServiceListBytes = 4 * 1024 * 1024;

// Messages per second over the last complete sample (DXL reference §5.6.7).
struct MessageRates {
  double incoming = 0, outgoing = 0;
};

struct RouterOptions {
  std::string broker_id{};
  std::string version_text = "0.1.0.0";
  std::int64_t start_time = 0;  // epoch seconds
  std::string host_name{};
  std::uint16_t port = 0, web_socket_port = 0;
  std::size_t connection_limit = 0;  // for brokerregistry/query; 0: none
  // Own zone first, then those of its ancestors (DXL reference §5.4.2).
  std::vector<std::string> service_zones{};
  bool send_connect_events = false;
  bool test_mode = false;
  // Whether so much waits to be sent to a connection that requests for it are answered with
  // 0x80000002 instead (§5.9). Empty: never.
  std::function<bool(ConnectionId)> is_overloaded{};
  std::function<MessageRates()> rates{};  // empty: none
  // Hears of each request for a service, and of each answer that its sender might send. May be
  // empty.
  std::function<void(const dxl::MessageView&)> on_routed{};
};

// What applying a change came to; announce() turns it into messages.
struct Outcome {
  struct TopicChange {
    bool added = false;
    std::string topic;
    std::uint64_t change_count = 0;
  };
  Refusal refusal = Refusal::kNone;
  std::vector<Service> removed;
  std::vector<TopicChange> topics;
  // Instance ids for the connect events: of a client that left and of one that came. Our own
  // service does both when its certificate is replaced.
  std::string left, came;
  // Clients with a revoked certificate, to be disconnected by whoever holds their connections.
  std::vector<ConnectionId> revoked;
};

class Router {
 public:
  Router(RouterOptions options, Authorization authorization, base::Clock& clock,
         base::Random& random);
  ~Router();

  // The same on every replica; sends nothing.
  Outcome apply(const Change& change);
  // On the replica where the change came from, once all have applied it: the events, then the
  // answer to whoever asked. Returns what was refused, for counters and the log.
  Refusal announce(const Change& change, const Outcome& outcome, Deliveries& out);

  // One PUBLISH from an ordinary client, through the pipeline of §5.2: authorise, stamp, look up,
  // built-in topics, deliver, answer a request that reached nobody. `payload` that is no DXL
  // message is delivered as it came (§2.4). Changes nothing that the replicas share: if the message
  // asks for that, `change` says what, to be applied and announced.
  Refusal publish(ConnectionId from, std::string_view topic, std::string_view payload,
                  Deliveries& out, std::optional<Change>& change);

  // For requests that the shell itself cannot carry out. Nothing if the requester has gone.
  void respond_error(ConnectionId requester, const dxl::MessageView& request, std::uint32_t code,
                     std::string_view text, Deliveries& out);

  // What was wrong with the last refused publish or change, for the log; empty if the Refusal says
  // it all.
  std::string_view refusal_detail() const;

  bool has_expired_services() const;  // then a ServicesExpired is due; ask about once a minute
  std::size_t subscription_count(ConnectionId connection) const;
  // Of its filters: their lengths and the squares of their levels, summed.
  std::size_t subscription_bytes(ConnectionId connection) const;
  const Authorization& authorization() const;
  const RevocationList& revocations() const;
  std::size_t connection_count() const;
  std::size_t service_count() const;
  // A message on `topic` asks for describe_state() in the log: a dump event in test mode (§5.7.11).
  bool asks_for_dump(std::string_view topic) const;
  std::string describe_state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::fabric
