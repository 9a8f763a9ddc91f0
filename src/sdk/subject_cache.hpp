// Answers about subjects, found by any digest, and what a change does to them and to requests that
// are on their way. Thread-safe; several locks, never two at a time.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::sdk {

using Answer = std::shared_ptr<const tie::Reputations>;
// Since the machine started, asleep or awake: an answer ages while a laptop sleeps.
using BootTime = std::chrono::nanoseconds;

class SubjectCache {
 public:
  explicit SubjectCache(std::size_t max_subjects) : max_subjects_(max_subjects) {}

  // Null: not there, asked for before `oldest`, or known by other digests than these.
  Answer find(const tie::FileHashes& hashes, BootTime oldest);

  // One request that was sent and not answered yet.
  struct Flight {
    tie::FileHashes hashes;
    BootTime sent;
    std::uint64_t generation;
    std::atomic<std::int64_t> changed_at;  // the latest change of its subject since
  };
  using FlightPtr = std::shared_ptr<Flight>;
  FlightPtr depart(const tie::FileHashes& hashes, BootTime now);
  // Ends it. The answer, if there is one, is remembered unless a change overtook it; false then.
  bool land(const FlightPtr& flight, Answer answer);

  // The subject changed at `time`, in the service's seconds: answers of that second or before go.
  // An event tells of a change just now: all answers go.
  static constexpr std::int64_t kNow = std::numeric_limits<std::int64_t>::max();
  void change(const tie::FileHashes& hashes, std::int64_t time = kNow);
  void change_all(std::int64_t time);
  void clear();
  // What nobody asked for since the last call.
  void drop_unused();

  // Whether something is remembered, or on its way, by a digest of that type.
  template <class D>
  bool has_any() const;
  std::size_t size() const { return size_; }

  struct Counts {
    std::uint64_t hits = 0, misses = 0, not_kept = 0, dropped = 0;
  };
  Counts counts() const;

 private:
  struct Entry {
    tie::FileHashes hashes;
    Answer answer;
    BootTime asked;
    std::atomic<bool> used{false};
    std::atomic<bool> gone{false};
  };
  using EntryPtr = std::shared_ptr<Entry>;

  template <class D>
  struct Hash {
    std::size_t operator()(const D& digest) const {
      return absl::Hash<decltype(digest.bytes)>{}(digest.bytes);
    }
  };
  template <class D>
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_map<D, EntryPtr, Hash<D>> entries;
    absl::flat_hash_map<D, std::vector<FlightPtr>, Hash<D>> flights;
    std::uint64_t hits = 0, misses = 0;
  };
  static constexpr std::size_t kShards = 16;
  template <class D>
  struct Index {
    std::array<Shard<D>, kShards> shards;
    Shard<D>& of(const D& digest) { return shards[Hash<D>{}(digest) >> 60]; }
  };

  template <class F>
  void for_each_digest(const tie::FileHashes& hashes, F&& f);
  template <class D>
  Answer find_in(Index<D>& index, const D& digest, const tie::FileHashes& hashes, BootTime oldest);
  void insert(const EntryPtr& entry);
  // False: somebody else did.
  bool remove(const EntryPtr& entry);
  void erase(const EntryPtr& entry);

  const std::size_t max_subjects_;
  Index<tie::Md5> by_md5_;
  Index<tie::Sha1> by_sha1_;
  Index<tie::Sha256> by_sha256_;
  std::mutex order_mutex_;
  std::deque<EntryPtr> order_;  // as they came; also some that are gone
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> not_kept_{0}, dropped_{0};
};

}  // namespace tiara::sdk
