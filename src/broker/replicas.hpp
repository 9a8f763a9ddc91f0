// One order of changes for all routers, and what else the hubs of one broker share. Everything here
// may be used from any of their threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/limits.hpp"
#include "broker/request_times.hpp"
#include "fabric/change.hpp"
#include "fabric/router.hpp"
#include "net/connection.hpp"

namespace tiara::broker {

class Hub;

// What the other hubs know of a client's output; written by its own hub.
struct Load {
  std::atomic<std::size_t> unsent{0};
};

// Counted by one thread, read by any.
class Tally {
 public:
  void add(std::uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Replicas {
 public:
  // Runs on the origin's thread once every replica has applied the change.
  using Done = std::function<void(const fabric::Change&, const fabric::Outcome&)>;

  // Before the threads start; `hubs` outlive the last change.
  void set_hubs(std::vector<Hub*> hubs) { hubs_ = std::move(hubs); }
  const std::vector<Hub*>& hubs() const { return hubs_; }

  // Origin's thread. `load` belongs to a ClientConnected. With one hub, `done` has run when this
  // returns; with several, changes of one origin are done in the order of their commits.
  void commit(Hub& origin, fabric::Change change, std::shared_ptr<const Load> load, Done done);

 private:
  struct Entry;
  std::vector<Hub*> hubs_;
  std::mutex mutex_;  // held while a change is put into the inboxes: that makes the order one
};

struct Shared {
  Shared(const BrokerLimits& given, std::size_t threads) : limits(given), hub_count(threads) {}
  const BrokerLimits limits;  // at start; a hub has its own since
  const std::size_t hub_count;
  LimitCounters counters;
  RequestTimes request_times;
  Replicas replicas;
  // Who keeps the revocation list; set before the threads start. Empty: the routers alone.
  std::function<void(std::vector<std::string>)> on_revocation;
  // Hears of each client; set before the threads start. May be empty.
  std::function<void(const fabric::Identity&)> on_client;
  std::shared_ptr<net::BufferBudget> budget = std::make_shared<net::BufferBudget>();
  std::atomic<std::size_t> streams{0};                     // accepted and not closed
  std::atomic<std::size_t> admitted{0};                    // of those, on the fabric
  std::atomic<double> incoming_rate{0}, outgoing_rate{0};  // messages a second
};

}  // namespace tiara::broker
