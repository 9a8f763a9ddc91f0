// The broker on its loop's thread: the router, the clients around it, and who is handed what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ports.hpp"
#include "broker/broker.hpp"
#include "broker/client_connection.hpp"
#include "fabric/router.hpp"
#include "mqtt/packet.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace tiara::broker {

class Hub {
 public:
  Hub(net::Loop& loop, BrokerLimits limits, std::string broker_id,
      fabric::Authorization authorization);
  ~Hub();

  // Starts the once-a-second work.
  void start();
  // Serves a stream until it closes.
  void accept(std::unique_ptr<net::Stream> stream, bool in_process_service);
  // Closes every client and takes no more; `done` once the last is gone, in a later turn.
  void shut_down(std::function<void()> done);

  void set_authorization(fabric::Authorization authorization);
  BrokerStatus status() const;

  // For client connections.
  const BrokerLimits& limits() const { return limits_; }
  fabric::Router& router() { return router_; }
  // Puts a client that sent its CONNECT on the fabric; the code to answer with.
  mqtt::ConnectCode admit(ClientConnection& client);
  // Routes one publish and hands out what comes of it.
  void publish(ClientConnection& client, std::string_view topic, std::string_view payload);
  // The last word of a client: destroys it.
  void leave(ClientConnection& client);

 private:
  ClientConnection* find(fabric::ConnectionId id);
  bool is_overloaded(fabric::ConnectionId id);
  void hand_out();
  void log_refusal(const ClientConnection& client, fabric::Refusal refusal, std::string_view topic);
  void tick();
  void finish_shut_down();

  net::Loop& loop_;
  const BrokerLimits limits_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  fabric::Router router_;
  fabric::Deliveries deliveries_;

  // A ConnectionId is the client's place here and, above kPlaceBits, how many came before it: found
  // without hashing, never reused.
  std::vector<std::unique_ptr<ClientConnection>> places_;
  std::vector<std::uint32_t> free_places_;
  std::uint64_t accepted_ = 0;
  std::size_t clients_ = 0;  // occupied places

  std::unique_ptr<net::Loop::Timer> timer_;
  base::SteadyTime next_router_tick_{};
  std::function<void()> shut_down_done_;
  std::uint64_t messages_in_ = 0, messages_out_ = 0, refused_ = 0;
};

}  // namespace tiara::broker
