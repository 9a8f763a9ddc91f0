// A running summary of trust levels (TIE reference §5.1, §5.5, §6.9).
#pragma once

#include <cstdint>

namespace tiara::reputation {

// Levels are 0..100.
struct LevelAggregate {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint8_t min = 0;
  std::uint8_t max = 0;
  std::uint8_t latest = 0;

  void add(std::uint8_t level) {
    min = count == 0 || level < min ? level : min;
    max = count == 0 || level > max ? level : max;
    latest = level;
    ++count;
    sum += level;
  }
  // Both together; the latest is this one's unless it has none.
  void add(const LevelAggregate& other) {
    if (other.count == 0) return;
    if (count == 0) {
      *this = other;
      return;
    }
    min = other.min < min ? other.min : min;
    max = other.max > max ? other.max : max;
    count += other.count;
    sum += other.sum;
  }
  // Rounded down to whole levels; 0 if there are none.
  std::uint64_t average() const { return count == 0 ? 0 : sum / count; }
  // In hundredths, as the aggregate blocks have it.
  std::uint64_t average_times_100() const { return count == 0 ? 0 : sum * 100 / count; }

  friend bool operator==(const LevelAggregate&, const LevelAggregate&) = default;
};

}  // namespace tiara::reputation
