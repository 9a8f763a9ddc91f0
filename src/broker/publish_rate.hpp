// How many messages a client may publish: a bucket that holds a second's worth and fills at the
// rate.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/ports.hpp"

namespace tiara::broker {

class PublishRate {
 public:
  PublishRate(std::size_t per_second, base::SteadyTime now)
      : per_second_(static_cast<double>(per_second)), available_(per_second_), filled_at_(now) {}

  // Takes one message's worth; false if there is none yet.
  bool take(base::SteadyTime now) {
    const std::chrono::duration<double> elapsed = now - filled_at_;
    available_ = std::min(per_second_, available_ + elapsed.count() * per_second_);
    filled_at_ = now;
    if (available_ < 1) return false;
    available_ -= 1;
    return true;
  }

  // How long until a tenth of a second's worth, but at least one message, is there: few long waits
  // rather than many short ones.
  std::chrono::steady_clock::duration wait() const {
    const double wanted = std::max(1.0, per_second_ / 10);
    return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double>((wanted - available_) / per_second_));
  }

 private:
  double per_second_, available_;
  base::SteadyTime filled_at_;
};

}  // namespace tiara::broker
