#include "service/record_cache.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include <absl/container/flat_hash_map.h>

namespace tiara::service {
namespace {

constexpr std::size_t kStripes = 16;
// Of a hash, whose lower bits the map of a stripe uses.
constexpr int kStripeShift = 60;

}  // namespace

// One part of the digests, replaced in the manner of a clock: the hand passes over entries used
// since its last visit.
struct RecordCache::Stripe {
  struct Slot {
    reputation::DigestKey digest;
    CachedRecordPtr record;
    bool used = false;
  };

  std::mutex mutex;
  std::size_t capacity = 0;
  std::vector<Slot> slots;
  absl::flat_hash_map<reputation::DigestKey, std::size_t> by_digest;
  std::size_t hand = 0;

  // Under the mutex. What is replaced is returned, to be destroyed without it.
  CachedRecordPtr put(const Place& place, const reputation::DigestKey& digest,
                      CachedRecordPtr record) {
    const auto at = by_digest.find(digest, place.hash);
    if (at != by_digest.end()) return std::exchange(slots[at->second].record, std::move(record));
    if (slots.size() < capacity) {
      by_digest.emplace(digest, slots.size());
      slots.push_back(Slot{.digest = digest, .record = std::move(record)});
      return nullptr;
    }
    while (std::exchange(slots[hand].used, false)) hand = (hand + 1) % slots.size();
    Slot& slot = slots[hand];
    by_digest.erase(slot.digest);
    by_digest.emplace(digest, hand);
    hand = (hand + 1) % slots.size();
    slot.digest = digest;
    return std::exchange(slot.record, std::move(record));
  }
};

RecordCache::RecordCache(std::size_t digests) {
  for (std::size_t i = 0; i < kStripes; ++i) {
    stripes_.push_back(std::make_unique<Stripe>());
    stripes_.back()->capacity = std::max<std::size_t>(1, digests / kStripes);
  }
}

RecordCache::~RecordCache() = default;

RecordCache::Place RecordCache::place_of(const reputation::DigestKey& digest) const {
  static_assert(sizeof(std::size_t) == 8 && kStripes == std::size_t{1} << (64 - kStripeShift));
  const std::size_t hash = absl::Hash<reputation::DigestKey>{}(digest);
  return {.stripe = *stripes_[hash >> kStripeShift], .hash = hash};
}

std::optional<CachedRecordPtr> RecordCache::find(const reputation::DigestKey& digest) const {
  const Place place = place_of(digest);
  Stripe& stripe = place.stripe;
  const std::lock_guard lock(stripe.mutex);
  const auto at = stripe.by_digest.find(digest, place.hash);
  if (at == stripe.by_digest.end()) return std::nullopt;
  Stripe::Slot& slot = stripe.slots[at->second];
  slot.used = true;
  return slot.record;
}

void RecordCache::insert_read(const reputation::DigestKey& digest, CachedRecordPtr record,
                              std::uint64_t epoch) {
  const Place place = place_of(digest);
  CachedRecordPtr replaced;
  const std::lock_guard lock(place.stripe.mutex);
  // Checked under the lock: a writer that raises the epoch later overwrites this afterwards.
  if (epoch_.load() == epoch) replaced = place.stripe.put(place, digest, std::move(record));
}

void RecordCache::update(const std::vector<CachedRecordPtr>& records,
                         const std::vector<reputation::DigestKey>& gone) {
  epoch_.fetch_add(1);
  const auto put = [this](const reputation::DigestKey& digest, const CachedRecordPtr& record) {
    const Place place = place_of(digest);
    CachedRecordPtr replaced;
    const std::lock_guard lock(place.stripe.mutex);
    replaced = place.stripe.put(place, digest, record);
  };
  for (const reputation::DigestKey& digest : gone) put(digest, nullptr);
  for (const CachedRecordPtr& record : records)
    for (const reputation::DigestKey& digest : reputation::DigestKeys(record->record.hashes))
      put(digest, record);
}

}  // namespace tiara::service
