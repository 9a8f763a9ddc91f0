// One I/O thread of the broker: its replica of the router, the clients that live on it, and who is
// handed what. Everything on its loop's thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports.hpp"
#include "broker/client_connection.hpp"
#include "broker/courier.hpp"
#include "broker/replicas.hpp"
#include "fabric/router.hpp"
#include "mqtt/packet.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace tiara::broker {

class Hub {
 public:
  struct Status {
    std::uint64_t connections = 0, services = 0, messages_in = 0, messages_out = 0;
    std::uint64_t refused_publishes = 0, dropped_messages = 0;
    std::uint64_t connects = 0, bytes_in = 0, bytes_out = 0;
    std::array<std::uint64_t, fabric::kRefusalCount> refusals{};
  };

  // `index` among the hubs of `shared`, which outlives it.
  Hub(net::Loop& loop, std::size_t index, Shared& shared, fabric::RouterOptions options,
      std::chrono::seconds message_sample, fabric::Authorization authorization);
  ~Hub();

  // Starts the once-a-second work.
  void start();
  // Serves a stream until it closes.
  void accept(std::unique_ptr<net::Stream> stream, bool in_process_service);
  // Closes every client and takes no more; `done` once the last is gone, in a later turn.
  void shut_down(std::function<void()> done);
  // For its clients from now on, the connected ones included.
  void set_limits(const BrokerLimits& limits);
  // The status of this hub alone; connections and services are the same in all.
  Status status() const;

  net::Loop& loop() { return loop_; }
  Shared& shared() { return shared_; }

  // Carries a change that no client asked for to all hubs.
  void commit(fabric::Change change, std::function<void()> done);
  // For Replicas: applies what was committed.
  fabric::Outcome apply(const fabric::Change& change, const std::shared_ptr<const Load>& load);
  // For Courier: hands out what another hub has routed.
  void receive(const Batch& batch);
  void on_room();

  // For client connections.
  const BrokerLimits& limits() const { return limits_; }
  void count(Limit limit) { shared_.counters.count(limit); }
  const fabric::Router& router() const { return router_; }
  // Puts a client that sent its CONNECT on the fabric and then sends `answer`. `reply_topic` as in
  // fabric::Identity. False: there are too many.
  bool admit(ClientConnection& client, std::string reply_topic, std::string answer);
  // Carries out a change for a client, sends what comes of it, then `answer`. The client waits.
  void commit(ClientConnection& client, fabric::Change change, std::string answer);
  // Routes one publish and hands out what comes of it, then `answer` to the client.
  void publish(ClientConnection& client, std::string_view topic, std::string_view payload,
               std::string_view answer);
  // What is left of a request that was too long.
  void answer_oversize(ClientConnection& client, const dxl::MessageView& request,
                       std::size_t bytes);
  // True if the client must wait, until its resume(kRoom), before it publishes more.
  bool must_wait_for_room(ClientConnection& client);
  // Its backlog is large enough for the other hubs to know.
  void watch(ClientConnection& client);
  void count_dropped() { dropped_.add(); }
  void count_bytes(std::uint64_t in, std::uint64_t out) {
    bytes_in_.add(in);
    bytes_out_.add(out);
  }
  // The last word of a client: destroys it.
  void leave(ClientConnection& client);
  ClientConnection* find(fabric::ConnectionId id);  // null if it has gone

 private:
  bool is_overloaded(fabric::ConnectionId id);
  void commit(fabric::ConnectionId client, fabric::Change change, std::shared_ptr<const Load> load,
              std::string answer);
  void complete(fabric::ConnectionId client, const std::string& answer,
                const fabric::Change& change, const fabric::Outcome& outcome);
  // `from`: whose messages these are, for the answers of other hubs.
  void hand_out(fabric::ConnectionId from);
  void deliver(fabric::ConnectionId target, std::string_view topic, std::string_view payload);
  void answer_unreachable(fabric::ConnectionId from, std::string_view payload);
  void relieve();
  void log_state() const;
  void ask_for_relief();
  void end_revoked(const fabric::Outcome& outcome);
  // What the router left out of a message that it took otherwise.
  void note_complaint(const ClientConnection& client);
  // True if the change is somebody else's to carry out.
  bool pass_on(ClientConnection& client, fabric::Change& change);
  void note_refusal(ClientConnection& client, fabric::Refusal refusal, std::string_view topic);
  void tick();
  void sample_rates(base::SteadyTime now);
  void end_of_turn();
  void finish_shut_down();

  net::Loop& loop_;
  const std::size_t index_;
  Shared& shared_;
  BrokerLimits limits_;
  const std::chrono::seconds message_sample_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  fabric::Router router_;
  fabric::Deliveries deliveries_;
  Courier courier_;
  absl::flat_hash_map<fabric::ConnectionId, std::shared_ptr<const Load>> loads_;  // of others

  // A ConnectionId is the client's place here, how many came before it, and the hub: found without
  // hashing, never reused.
  std::vector<std::unique_ptr<ClientConnection>> places_;
  std::vector<std::uint32_t> free_places_;
  std::uint32_t accepted_ = 0;
  std::size_t clients_ = 0;            // occupied places
  std::size_t commits_under_way_ = 0;  // of this hub
  std::vector<fabric::ConnectionId> waiting_for_room_;
  std::vector<fabric::ConnectionId> watched_;
  bool asked_for_relief_ = false;

  std::unique_ptr<net::Loop::Timer> timer_;
  base::SteadyTime next_expiry_{}, sample_began_{};
  std::uint64_t sampled_in_ = 0, sampled_out_ = 0;
  std::function<void()> shut_down_done_;
  Tally messages_in_, messages_out_, refused_, dropped_, connects_, bytes_in_, bytes_out_;
  std::array<Tally, fabric::kRefusalCount> refusals_;
};

}  // namespace tiara::broker
