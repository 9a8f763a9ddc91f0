// Delay before the next connection attempt: doubling, capped, jittered (DXL reference §8.3, defects
// 2 and 4).
#pragma once

#include <chrono>

#include "base/ports.hpp"

namespace tiara::session {

struct BackoffOptions {
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds max{60'000};
  std::chrono::milliseconds reset_after{10'000};
};

class Backoff {
 public:
  explicit Backoff(const BackoffOptions& options) : options_(options), next_(options.first) {}
  // Delay before the next attempt: up to 25 % is added at random, the cap holds after that.
  std::chrono::milliseconds next(base::Random& random);
  // A connection ended after `lasted`; the delay starts over only if that was long enough.
  void connection_lasted(std::chrono::milliseconds lasted);

 private:
  BackoffOptions options_;
  std::chrono::milliseconds next_;
};

}  // namespace tiara::session
