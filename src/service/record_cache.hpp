// Hot records in memory, by digest. The one mutable thing that several threads share: striped
// locks, nothing is called while one is held.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "reputation/digest_key.hpp"
#include "service/answer_template.hpp"
#include "service/verdict.hpp"

namespace tiara::service {

struct CachedRecord {
  reputation::FileRecord record;
  std::uint8_t verdict;

  explicit CachedRecord(reputation::FileRecord&& r)
      : record(std::move(r)), verdict(verdict_of(&record)) {}

  // Made by the first who asks: of a large store most files are asked for once. Any thread.
  const AnswerTemplate& answer(const AnswerBasis& basis) const {
    std::call_once(once_, [&] { answer_.emplace(&record, basis); });
    return *answer_;
  }

 private:
  mutable std::once_flag once_;
  mutable std::optional<AnswerTemplate> answer_;
};
using CachedRecordPtr = std::shared_ptr<const CachedRecord>;

class RecordCache {
 public:
  // Keeps at most about `digests` digests; the ones not asked for lately go first.
  explicit RecordCache(std::size_t digests);
  ~RecordCache();

  // Nullopt: not cached. Null pointer: no record has the digest. Any thread.
  std::optional<CachedRecordPtr> find(const reputation::DigestKey& digest) const;

  // A reader takes the epoch before it asks the store and hands it in with what it found; if the
  // writer has updated the cache meanwhile the finding may be stale and is not kept. Any thread.
  std::uint64_t epoch() const { return epoch_.load(); }
  void insert_read(const reputation::DigestKey& digest, CachedRecordPtr record,
                   std::uint64_t epoch);

  // Writer thread, after the commit and before anybody is told. `gone`: digests of purged records.
  void update(const std::vector<CachedRecordPtr>& records,
              const std::vector<reputation::DigestKey>& gone = {});

 private:
  struct Stripe;
  struct Place {
    Stripe& stripe;
    std::size_t hash;
  };
  Place place_of(const reputation::DigestKey& digest) const;

  std::vector<std::unique_ptr<Stripe>> stripes_;
  std::atomic<std::uint64_t> epoch_{0};
};

}  // namespace tiara::service
