// Ports for what pure code must not reach on its own: time and randomness.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tiara::base {

using SteadyTime = std::chrono::steady_clock::time_point;
using Seconds = std::chrono::seconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  // Seconds since 1970 UTC: the unit of every time on the TIE topics.
  virtual std::int64_t epoch_seconds() const = 0;
};

// The machine's clocks. Stateless and safe from any thread.
class SystemClock final : public Clock {
 public:
  SteadyTime now() const override;
  std::int64_t epoch_seconds() const override;
};

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

// Seeded from the operating system. For jitter and identifiers, not for keys. One thread at a time.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  std::uint64_t next() override;

 private:
  std::uint64_t state_[4];
};

// Lower-case version 4 UUID without braces, as brokers write it (DXL reference §2.2).
std::string make_uuid(Random& random);
// The same with braces, as clients write it.
std::string make_braced_uuid(Random& random);

}  // namespace tiara::base
