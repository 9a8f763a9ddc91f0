// Endpoint lookups that were counted lately: repeating one costs nothing. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <absl/container/flat_hash_set.h>

#include "reputation/digest_key.hpp"
#include "reputation/record.hpp"

namespace tiara::service {

// Two generations of hashes, seeded per process: the older is dropped when the younger is full, so
// between half and all of the limit is remembered. A collision would leave one first reference
// uncounted; with 64 bits that does not happen in practice.
class RecentLookups {
 public:
  explicit RecentLookups(std::size_t limit = 1'000'000) : generation_(limit / 2) {}

  // Remembers the pair; true if it was remembered already. The digests are those supplied, so that
  // a lookup that supplies others can still teach them. On another day it is a new one: the
  // record's day of last use moves on.
  bool seen(const tie::FileHashes& supplied, std::string_view agent, std::int64_t now) {
    const std::uint64_t pair = hash(supplied, agent, now / reputation::kSecondsPerDay);
    if (young_.contains(pair)) return true;
    const bool known = old_.contains(pair);
    if (young_.size() >= generation_) {
      old_ = std::exchange(young_, {});
    }
    young_.insert(pair);
    return known;
  }
  // After a failed write nothing is certain.
  void clear() {
    young_.clear();
    old_.clear();
  }

 private:
  static std::uint64_t hash(const tie::FileHashes& supplied, std::string_view agent,
                            std::int64_t day) {
    std::uint64_t result = absl::Hash<std::pair<std::string_view, std::int64_t>>{}({agent, day});
    for (const reputation::DigestKey& digest : reputation::DigestKeys(supplied))
      result = absl::Hash<std::pair<std::uint64_t, reputation::DigestKey>>{}({result, digest});
    return result;
  }

  std::size_t generation_;
  absl::flat_hash_set<std::uint64_t> young_;
  absl::flat_hash_set<std::uint64_t> old_;
};

}  // namespace tiara::service
