// Messages on their way from one hub to the others: collected during a turn, handed over once at
// its end, and given back empty, so that nothing is allocated per message.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "fabric/router.hpp"

namespace tiara::broker {

class Hub;

struct Batch {
  fabric::Deliveries messages;
  std::vector<fabric::ConnectionId> from;  // the publisher of each message
  std::size_t bytes = 0;                   // what it counted as when it was handed over
  void clear() {
    messages.clear();
    from.clear();
  }
};

// Hub's thread only.
class Courier {
 public:
  // Above it, publishers of this hub wait until other threads have worked off what they were given.
  static constexpr std::size_t kHighWater = 16 * 1024 * 1024;

  Courier(Hub& hub, std::size_t hubs) : hub_(hub), batches_(hubs), open_(hubs) {}

  // For each message: begin(), then add() for each target elsewhere.
  void begin() { open_.assign(open_.size(), false); }
  void add(std::size_t hub, fabric::ConnectionId from, std::string_view topic,
           std::string_view payload, fabric::ConnectionId target);
  // End of turn.
  void hand_over();
  bool congested() const { return in_flight_ > kHighWater; }

 private:
  void take_back(std::shared_ptr<Batch> batch);

  Hub& hub_;
  std::vector<std::shared_ptr<Batch>> batches_;  // by hub; null until the first message
  std::vector<bool> open_;                       // the current message is in that hub's batch
  std::vector<std::shared_ptr<Batch>> spare_;
  std::size_t in_flight_ = 0;
};

}  // namespace tiara::broker
