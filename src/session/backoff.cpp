#include "session/backoff.hpp"

#include <algorithm>

namespace tiara::session {

std::chrono::milliseconds Backoff::next(base::Random& random) {
  const std::chrono::milliseconds delay = std::min(next_, options_.max);
  next_ = std::min(delay * 2, options_.max);
  const auto quarter = static_cast<std::uint64_t>(std::max<std::int64_t>(delay.count() / 4, 0));
  const auto jitter = std::chrono::milliseconds(random.next() % (quarter + 1));
  return std::min(delay + jitter, options_.max);
}

void Backoff::connection_lasted(std::chrono::milliseconds lasted) {
  if (lasted >= options_.reset_after) next_ = options_.first;
}

}  // namespace tiara::session
