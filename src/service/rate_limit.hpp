// At most so many messages per second of each sender (error 7): a token bucket each, for the
// senders of the last seconds only. One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "base/text_map.hpp"

namespace tiara::service {

class RateLimit {
 public:
  // Takes one token of the sender's; false: there is none. `per_second` 0: no limit. A sender may
  // use what it has saved up of the last second.
  bool take(std::string_view sender, std::int64_t per_second, base::SteadyTime now) {
    if (per_second <= 0) return true;
    if (buckets_.size() >= kMostSenders) forget(now);
    auto at = buckets_.find(sender);
    if (at == buckets_.end()) {
      at = buckets_.emplace(std::string(sender), Bucket{}).first;
      at->second = {.tokens = static_cast<double>(per_second), .filled = now};
    }
    Bucket& bucket = at->second;
    const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
    const auto rate = static_cast<double>(per_second);
    bucket.tokens = std::min(rate, bucket.tokens + seconds * rate);
    bucket.filled = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  // What was let through turns out to be `more` messages in one: the sender owes their tokens.
  // After take().
  void owe(std::string_view sender, std::size_t more) {
    if (const auto at = buckets_.find(sender); at != buckets_.end())
      at->second.tokens -= static_cast<double>(more);
  }

 private:
  struct Bucket {
    double tokens = 0;
    base::SteadyTime filled{};
  };
  static constexpr std::size_t kMostSenders = 100'000;

  // Full again by now, so that nothing is lost by beginning anew; if all are busy, all begin anew.
  void forget(base::SteadyTime now) {
    absl::erase_if(buckets_, [now](const auto& each) {
      return each.second.tokens >= 0 && now - each.second.filled >= std::chrono::seconds(1);
    });
    if (buckets_.size() >= kMostSenders) buckets_.clear();
  }

  base::TextMap<Bucket> buckets_;
};

}  // namespace tiara::service
