// Outstanding requests of one client: by message id for answers, by token for their owner, by
// deadline for the clock. Steady state allocates nothing: slots, index and heap are reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/ports.hpp"

namespace tiara::session {

using RequestToken = std::uint64_t;  // the caller's name for one outstanding request

class RequestTable {
 public:
  // False if the message id or the token is outstanding already; nothing changes then.
  bool add(std::string_view message_id, RequestToken token, base::SteadyTime deadline);

  // Each removes what it returns, so that a request can end only once.
  std::optional<RequestToken> take(std::string_view message_id);
  std::optional<RequestToken> take_expired(
      base::SteadyTime now);  // deadline <= now, earliest first
  std::optional<RequestToken> take_any();
  bool cancel(RequestToken token);

  // SteadyTime::max() if there is none.
  base::SteadyTime next_deadline();
  std::size_t size() const { return by_id_.size(); }

 private:
  struct Slot {
    std::string message_id;  // keeps its capacity; by_id_ points into it while in use
    RequestToken token = 0;
    std::uint64_t use = 0;  // which use of this slot; 0 = free
  };
  struct Deadline {
    base::SteadyTime time;
    std::uint32_t slot;
    std::uint64_t use;
  };
  static bool later(const Deadline& a, const Deadline& b) { return a.time > b.time; }

  RequestToken release(std::uint32_t slot);
  bool current(const Deadline& entry) const { return slots_[entry.slot].use == entry.use; }
  void drop_stale();

  std::deque<Slot> slots_;  // never moves a slot
  std::vector<std::uint32_t> free_;
  absl::flat_hash_map<std::string_view, std::uint32_t> by_id_;
  absl::flat_hash_map<RequestToken, std::uint32_t> by_token_;
  std::vector<Deadline> heap_;  // may hold entries of requests that have ended
  std::uint64_t uses_ = 0;
};

}  // namespace tiara::session
