#include "reputation/resolve.hpp"

#include <algorithm>
#include <utility>

#include "reputation/digest_key.hpp"

namespace tiara::reputation {
namespace {

// A level outside {0, 50} from another provider, or an override: not to be extended to digests by a
// sender that may not set it (§6.10 rule 6).
bool guarded(const FileRecord& record, std::optional<tie::Provider> writes) {
  return std::any_of(record.entries.begin(), record.entries.end(), [&](const ProviderEntry& entry) {
    if (entry.provider == tie::Provider::kEnterprise)
      return entry.trust_level != tie::TrustLevel::kNotSet;
    return entry.provider != writes && tie::is_definitive(entry.trust_level);
  });
}

FileRecord new_record(const tie::FileHashes& hashes, std::int64_t now) {
  FileRecord record;
  record.hashes = hashes;
  record.created = now;
  record.first_contact = now;
  touch(record.last_used, now);
  return record;
}

tie::FileHashes without(tie::FileHashes all, const tie::FileHashes& some) {
  if (some.md5) all.md5.reset();
  if (some.sha1) all.sha1.reset();
  if (some.sha256) all.sha256.reset();
  return all;
}

}  // namespace

Resolver::Resolver(const tie::FileHashes& supplied, const Known& known)
    : supplied_(supplied), known_(known), match_(match_records(supplied, known.records)) {}

bool Resolver::may_teach(Settings::MergeLearn learn, std::optional<tie::Provider> writes) const {
  switch (learn) {
    case Settings::MergeLearn::kNever:
      return false;
    case Settings::MergeLearn::kAlways:
      return true;
    case Settings::MergeLearn::kSafe:
      break;
  }
  const auto is_guarded = [&](std::size_t index) {
    return guarded(*known_.records[index], writes);
  };
  return !match_.main || (!is_guarded(*match_.main) &&
                          std::none_of(match_.joins.begin(), match_.joins.end(), is_guarded));
}

Resolved Resolver::resolve(bool teach, std::int64_t now) const {
  Resolved result;
  result.conflict = match_.conflict;
  if (unknown()) {
    tie::FileHashes own = unclaimed();
    // The weaker ones would be tied to the strongest before anybody who may do so has spoken.
    if (!teach && !own.empty()) {
      const tie::FileHashes strongest = hashes_of(strongest_key(own));
      if (tie::FileHashes rest = without(own, strongest); !rest.empty()) result.apart = rest;
      own = strongest;
    }
    result.record = new_record(own, now);
    return result;
  }
  result.former.push_back(known_.records[*match_.main]);
  for (const std::size_t join : match_.joins)
    if (known_.records[join]->first_instance_sent) result.sent_elsewhere = true;
  const tie::FileHashes fresh = without_conflicts(unclaimed());
  if (teach) {
    for (const std::size_t join : match_.joins) result.former.push_back(known_.records[join]);
    result.record = *merge_matched(match_, known_.records, known_.joined_references);
    fill_digests(result.record.hashes, fresh);
  } else {
    result.record = *result.former.front();
    if (!fresh.empty()) result.apart = fresh;
  }
  return result;
}

// The supplied digests that no found record holds.
tie::FileHashes Resolver::unclaimed() const {
  tie::FileHashes rest = supplied_;
  for (const FileRecord* record : known_.records) {
    if (rest.md5 && rest.md5 == record->hashes.md5) rest.md5.reset();
    if (rest.sha1 && rest.sha1 == record->hashes.sha1) rest.sha1.reset();
    if (rest.sha256 && rest.sha256 == record->hashes.sha256) rest.sha256.reset();
  }
  return rest;
}

// Rule 4: what contradicts the main record or one that joins it is not stored anywhere.
tie::FileHashes Resolver::without_conflicts(tie::FileHashes rest) const {
  tie::FileHashes taken = known_.records[*match_.main]->hashes;
  for (const std::size_t join : match_.joins) fill_digests(taken, known_.records[join]->hashes);
  return without(rest, taken);
}

void finish(const Resolved& resolved, FileRecord record, Outcome& outcome) {
  if (resolved.former.empty()) {
    if (!same_levels({}, record.entries))
      outcome.events.push_back(Change{.before = std::nullopt, .after = record});
  }
  for (const FileRecord* former : resolved.former) {
    if (!same_levels(former->entries, record.entries))
      outcome.events.push_back(Change{.before = *former, .after = record});
    if (former->reference_count != 0 &&
        strongest_key(former->hashes) != strongest_key(record.hashes))
      outcome.moves.push_back(Outcome::Move{.from = former->hashes, .to = record.hashes});
  }
  outcome.conflict = outcome.conflict || resolved.conflict;
  if (resolved.former.size() != 1 || *resolved.former.front() != record)
    outcome.store.push_back(std::move(record));
}

Outcome write(const Resolved& resolved, bool create_apart, std::int64_t now, const Effect& effect) {
  Outcome outcome;
  FileRecord record = resolved.record;
  outcome.conflict = !effect(record);
  finish(resolved, std::move(record), outcome);
  if (resolved.apart && create_apart) {
    Resolved alone;
    alone.record = new_record(*resolved.apart, now);
    FileRecord own = alone.record;
    effect(own);
    finish(alone, std::move(own), outcome);
  }
  return outcome;
}

}  // namespace tiara::reputation
