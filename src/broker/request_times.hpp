// How long requests take from their arrival at the broker to the arrival of their first answer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/histogram.hpp"
#include "base/ports.hpp"

namespace tiara::broker {

// Remembers the last requests by a hash of their message ids, in as many places as there may be;
// one that takes another's place, or whose answer comes after kForgotten, is not measured. Nothing
// but the histogram depends on it, so a peer that reuses ids spoils that alone. Any thread, without
// a lock.
class RequestTimes {
 public:
  static constexpr std::chrono::minutes kForgotten{60};

  void sent(std::string_view message_id, base::SteadyTime now);
  void answered(std::string_view request_id, base::SteadyTime now);
  base::Histogram::Snapshot snapshot() const { return times_.snapshot(); }

 private:
  static constexpr std::size_t kPlaces = 8'192;
  // The hash's upper half, and microseconds of the request's time; 0: nothing.
  using Place = std::atomic<std::uint64_t>;

  std::array<Place, kPlaces> places_{};
  base::Histogram times_;
};

}  // namespace tiara::broker
