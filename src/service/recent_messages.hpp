// The DXL messages that were applied lately and what came of them: with several front-ends on one
// store each message may arrive more than once (TIE reference L16). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_map.hpp"

namespace tiara::service {

class RecentMessages {
 public:
  struct Result {
    bool changed = false;
    std::int64_t time = 0;
  };

  explicit RecentMessages(std::size_t kept = 10'000) : kept_(kept) {}

  std::optional<Result> find(std::string_view id) const {
    const auto at = results_.find(id);
    return at == results_.end() ? std::nullopt : std::optional(at->second);
  }
  void remove(std::string_view id) { results_.erase(id); }
  // Forgets the oldest beyond the limit. An id that is no sensible one is not kept.
  void add(std::string_view id, Result result) {
    if (id.empty() || id.size() > kMaxIdBytes) return;
    if (!results_.insert_or_assign(std::string(id), result).second) return;
    // An id that was removed may still be in the ring: it then goes a round early.
    if (ring_.size() < kept_) {
      ring_.emplace_back(id);
      return;
    }
    results_.erase(ring_[next_]);
    ring_[next_] = id;
    next_ = (next_ + 1) % kept_;
  }

 private:
  static constexpr std::size_t kMaxIdBytes = 512;

  std::size_t kept_;
  std::vector<std::string> ring_;  // oldest at `next_` once full
  std::size_t next_ = 0;
  base::TextMap<Result> results_;
};

}  // namespace tiara::service
