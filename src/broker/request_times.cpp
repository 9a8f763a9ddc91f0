#include "broker/request_times.hpp"

#include <absl/hash/hash.h>

#include <chrono>

namespace tiara::broker {
namespace {

constexpr std::uint64_t kUpperHalf = 0xFFFF'FFFF'0000'0000;

// Never 0 in its upper half, so that no request looks like an empty place.
std::uint64_t hash_of(std::string_view id) {
  return static_cast<std::uint64_t>(absl::HashOf(id)) | std::uint64_t{1} << 63;
}

std::uint32_t microseconds(base::SteadyTime time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

}  // namespace

void RequestTimes::sent(std::string_view message_id, base::SteadyTime now) {
  const std::uint64_t hash = hash_of(message_id);
  places_[hash % kPlaces].store((hash & kUpperHalf) | microseconds(now), std::memory_order_relaxed);
}

void RequestTimes::answered(std::string_view request_id, base::SteadyTime now) {
  const std::uint64_t hash = hash_of(request_id);
  Place& place = places_[hash % kPlaces];
  std::uint64_t held = place.load(std::memory_order_relaxed);
  if ((held & kUpperHalf) != (hash & kUpperHalf)) return;
  // Of several answers at once, one finds it still there.
  if (!place.compare_exchange_strong(held, 0, std::memory_order_relaxed)) return;
  // The difference is right although the microseconds wrap, up to 71 minutes.
  const std::uint32_t took = microseconds(now) - static_cast<std::uint32_t>(held);
  const std::chrono::microseconds duration{took};
  if (duration < kForgotten) times_.add(duration);
}

}  // namespace tiara::broker
