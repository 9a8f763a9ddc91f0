// The fabric's decisions as a pure state machine: connections, subscriptions and publishes in,
// deliveries out (DXL reference §5). Touches no socket, clock or thread; the broker shell owns one
// and is its only caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports.hpp"
#include "dxl/message_codec.hpp"
#include "fabric/authorization.hpp"
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
};
std::string_view to_string(Refusal refusal);

// More services of one connection are refused with 0x80000011.
inline constexpr std::size_t kMaxServicesPerConnection = 256;

struct RouterOptions {
  std::string broker_id;
  std::string version_text = "0.1.0.0";
  std::int64_t start_time = 0;
  // Whether so much waits to be sent to a connection that requests for it are answered with
  // 0x80000002 instead (§5.9). Empty: never.
  std::function<bool(ConnectionId)> is_overloaded{};
};

class Router {
 public:
  Router(RouterOptions options, Authorization authorization, base::Clock& clock,
         base::Random& random);
  ~Router();

  void connect(ConnectionId connection, Identity identity);
  // Its services leave with it: an unregister event for each goes to `out`.
  void disconnect(ConnectionId connection, Deliveries& out);
  void subscribe(ConnectionId connection, std::string_view filter);
  void unsubscribe(ConnectionId connection, std::string_view filter);
  std::size_t subscription_count(ConnectionId connection) const;

  // One PUBLISH from an ordinary client, through the pipeline of §5.2: authorise, stamp, look up,
  // built-in topics, deliver, answer a request that reached nobody. `payload` that is no DXL
  // message is delivered as it came (§2.4).
  Refusal publish(ConnectionId from, std::string_view topic, std::string_view payload,
                  Deliveries& out);

  // What was wrong with the last refused publish, for the log; empty if the Refusal says it all.
  std::string_view refusal_detail() const;

  // Expires services past their TTL; call about once a minute.
  void tick(Deliveries& out);

  // Takes effect for the next publish and delivery.
  void set_authorization(Authorization authorization);
  const Authorization& authorization() const;

  std::size_t connection_count() const;
  std::size_t service_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::fabric
