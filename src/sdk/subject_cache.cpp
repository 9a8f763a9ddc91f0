#include "sdk/subject_cache.hpp"

#include <algorithm>
#include <utility>

namespace tiara::sdk {
namespace {

// Whether all of `some` are among `all`.
bool covers(const tie::FileHashes& all, const tie::FileHashes& some) {
  const auto fits = [](const auto& mine, const auto& asked) { return !asked || mine == asked; };
  return fits(all.md5, some.md5) && fits(all.sha1, some.sha1) && fits(all.sha256, some.sha256);
}

void raise_to(std::atomic<std::int64_t>& value, std::int64_t to) {
  std::int64_t now = value;
  while (now < to && !value.compare_exchange_weak(now, to)) {
  }
}

}  // namespace

template <class F>
void SubjectCache::for_each_digest(const tie::FileHashes& hashes, F&& f) {
  if (hashes.sha256) f(by_sha256_.of(*hashes.sha256), *hashes.sha256);
  if (hashes.sha1) f(by_sha1_.of(*hashes.sha1), *hashes.sha1);
  if (hashes.md5) f(by_md5_.of(*hashes.md5), *hashes.md5);
}

template <class D>
Answer SubjectCache::find_in(Index<D>& index, const D& digest, const tie::FileHashes& hashes,
                             BootTime oldest) {
  Shard<D>& shard = index.of(digest);
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.entries.find(digest);
  if (at == shard.entries.end() || at->second->asked < oldest ||
      !covers(at->second->hashes, hashes) || at->second->gone.load(std::memory_order_acquire)) {
    ++shard.misses;
    return nullptr;
  }
  ++shard.hits;
  Entry& entry = *at->second;
  // Read first: threads that ask for one subject must not write to it all the time.
  if (!entry.used.load(std::memory_order_relaxed)) {
    entry.used.store(true, std::memory_order_relaxed);
  }
  return entry.answer;
}

Answer SubjectCache::find(const tie::FileHashes& hashes, BootTime oldest) {
  if (hashes.sha256) return find_in(by_sha256_, *hashes.sha256, hashes, oldest);
  if (hashes.sha1) return find_in(by_sha1_, *hashes.sha1, hashes, oldest);
  if (hashes.md5) return find_in(by_md5_, *hashes.md5, hashes, oldest);
  return nullptr;
}

SubjectCache::FlightPtr SubjectCache::depart(const tie::FileHashes& hashes, BootTime now) {
  const auto flight =
      std::make_shared<Flight>(hashes, now, generation_, std::numeric_limits<std::int64_t>::min());
  for_each_digest(hashes, [&](auto& shard, const auto& digest) {
    const std::lock_guard lock(shard.mutex);
    shard.flights[digest].push_back(flight);
  });
  return flight;
}

// Remembered first and looked at afterwards: a change marks the flights before it removes what is
// remembered, so one of the two sees the other.
bool SubjectCache::land(const FlightPtr& flight, Answer answer) {
  EntryPtr entry;
  if (answer) {
    entry = std::make_shared<Entry>(flight->hashes, std::move(answer), flight->sent);
    insert(entry);
  }
  for_each_digest(flight->hashes, [&](auto& shard, const auto& digest) {
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.flights.find(digest);
    std::erase(at->second, flight);
    if (at->second.empty()) shard.flights.erase(at);
  });
  if (!entry) return false;
  const std::int64_t changed = flight->changed_at;
  const bool overtaken = changed == kNow || entry->answer->server_time <= changed;
  if (!overtaken && flight->generation == generation_) return true;
  remove(entry);
  ++not_kept_;
  return false;
}

void SubjectCache::insert(const EntryPtr& entry) {
  ++size_;
  for_each_digest(entry->hashes, [&](auto& shard, const auto& digest) {
    EntryPtr replaced;
    {
      const std::lock_guard lock(shard.mutex);
      replaced = std::exchange(shard.entries[digest], entry);
    }
    if (replaced) remove(replaced);
  });
  std::vector<EntryPtr> old;
  {
    const std::lock_guard lock(order_mutex_);
    order_.push_back(entry);
    while (order_.size() > max_subjects_) {
      EntryPtr first = std::move(order_.front());
      order_.pop_front();
      const bool again = !first->gone && first->used.exchange(false);
      (again ? order_.emplace_back(std::move(first)) : old.emplace_back(std::move(first)));
    }
  }
  for (const EntryPtr& one : old) remove(one);
  if (entry->gone) erase(entry);  // meanwhile, perhaps before it was everywhere
}

bool SubjectCache::remove(const EntryPtr& entry) {
  if (entry->gone.exchange(true)) return false;
  --size_;
  erase(entry);
  return true;
}

void SubjectCache::erase(const EntryPtr& entry) {
  for_each_digest(entry->hashes, [&](auto& shard, const auto& digest) {
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.entries.find(digest);
    if (at != shard.entries.end() && at->second == entry) shard.entries.erase(at);
  });
}

void SubjectCache::change(const tie::FileHashes& hashes, std::int64_t time) {
  for_each_digest(hashes, [&](auto& shard, const auto& digest) {
    EntryPtr known;
    {
      const std::lock_guard lock(shard.mutex);
      if (const auto at = shard.flights.find(digest); at != shard.flights.end()) {
        for (const FlightPtr& flight : at->second) raise_to(flight->changed_at, time);
      }
      if (const auto at = shard.entries.find(digest); at != shard.entries.end()) known = at->second;
    }
    if (known && known->answer->server_time <= time && remove(known)) ++dropped_;
  });
}

void SubjectCache::change_all(std::int64_t time) {
  std::vector<EntryPtr> older;
  {
    const std::lock_guard lock(order_mutex_);
    for (const EntryPtr& entry : order_) {
      if (entry->answer->server_time <= time) older.push_back(entry);
    }
  }
  ++generation_;  // nothing that is on its way is kept either
  for (const EntryPtr& entry : older) {
    if (remove(entry)) ++dropped_;
  }
}

void SubjectCache::clear() {
  ++generation_;
  std::deque<EntryPtr> all;
  {
    const std::lock_guard lock(order_mutex_);
    all.swap(order_);
  }
  for (const EntryPtr& entry : all) {
    if (remove(entry)) ++dropped_;
  }
}

void SubjectCache::drop_unused() {
  std::vector<EntryPtr> unused;
  {
    const std::lock_guard lock(order_mutex_);
    std::erase_if(order_, [&](const EntryPtr& entry) {
      if (entry->gone) return true;
      if (entry->used.exchange(false)) return false;
      unused.push_back(entry);
      return true;
    });
  }
  for (const EntryPtr& entry : unused) {
    if (remove(entry)) ++dropped_;
  }
}

template <class D>
bool SubjectCache::has_any() const {
  const auto any = [](const auto& index) {
    return std::any_of(index.shards.begin(), index.shards.end(), [](const auto& shard) {
      const std::lock_guard lock(shard.mutex);
      return !shard.entries.empty() || !shard.flights.empty();
    });
  };
  if constexpr (std::is_same_v<D, tie::Md5>) return any(by_md5_);
  if constexpr (std::is_same_v<D, tie::Sha1>) return any(by_sha1_);
  if constexpr (std::is_same_v<D, tie::Sha256>) return any(by_sha256_);
}
template bool SubjectCache::has_any<tie::Md5>() const;
template bool SubjectCache::has_any<tie::Sha1>() const;
template bool SubjectCache::has_any<tie::Sha256>() const;

SubjectCache::Counts SubjectCache::counts() const {
  Counts counts{.not_kept = not_kept_, .dropped = dropped_};
  const auto add = [&](const auto& index) {
    for (const auto& shard : index.shards) {
      const std::lock_guard lock(shard.mutex);
      counts.hits += shard.hits;
      counts.misses += shard.misses;
    }
  };
  add(by_md5_);
  add(by_sha1_);
  add(by_sha256_);
  return counts;
}

}  // namespace tiara::sdk
