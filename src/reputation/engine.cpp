#include "reputation/engine.hpp"

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

// The records a message concerns, and what it makes of them before its own effect.
struct Resolved {
  std::vector<const FileRecord*> former;  // main and, when it teaches, those merged into it
  FileRecord record;                      // what the effect is applied to
  std::optional<tie::FileHashes> apart;   // digests no record has, when they may not be taught
  bool sent_elsewhere = false;            // a joining record had its first-instance event (L9)
  bool conflict = false;
};

class Resolver {
 public:
  Resolver(const tie::FileHashes& supplied, const Known& known)
      : supplied_(supplied), known_(known), match_(match_records(supplied, known.records)) {}

  bool unknown() const { return !match_.main; }

  bool may_teach(Settings::MergeLearn learn, std::optional<tie::Provider> writes) const {
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
    return match_.main && !is_guarded(*match_.main) &&
           std::none_of(match_.joins.begin(), match_.joins.end(), is_guarded);
  }

  Resolved resolve(bool teach, std::int64_t now) const {
    Resolved result;
    result.conflict = match_.conflict;
    if (unknown()) {
      result.record = new_record(unclaimed(), now);
      return result;
    }
    result.former.push_back(known_.records[*match_.main]);
    for (const std::size_t join : match_.joins)
      if (known_.records[join]->first_instance_sent) result.sent_elsewhere = true;
    tie::FileHashes fresh = without_conflicts(unclaimed());
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

  static FileRecord new_record(const tie::FileHashes& hashes, std::int64_t now) {
    FileRecord record;
    record.hashes = hashes;
    record.created = now;
    record.first_contact = now;
    touch(record, now);
    return record;
  }

 private:
  // The supplied digests that no found record holds.
  tie::FileHashes unclaimed() const {
    tie::FileHashes rest = supplied_;
    for (const FileRecord* record : known_.records) {
      if (rest.md5 && rest.md5 == record->hashes.md5) rest.md5.reset();
      if (rest.sha1 && rest.sha1 == record->hashes.sha1) rest.sha1.reset();
      if (rest.sha256 && rest.sha256 == record->hashes.sha256) rest.sha256.reset();
    }
    return rest;
  }

  // Rule 4: what contradicts the main record or one that joins it is not stored anywhere.
  tie::FileHashes without_conflicts(tie::FileHashes rest) const {
    tie::FileHashes taken = known_.records[*match_.main]->hashes;
    for (const std::size_t join : match_.joins) fill_digests(taken, known_.records[join]->hashes);
    if (taken.md5) rest.md5.reset();
    if (taken.sha1) rest.sha1.reset();
    if (taken.sha256) rest.sha256.reset();
    return rest;
  }

  const tie::FileHashes& supplied_;
  const Known& known_;
  Match match_;
};

// Puts the changed record, its moves and its events into the outcome.
void finish(const Resolved& resolved, FileRecord record, Outcome& outcome) {
  if (resolved.former.empty()) {
    if (!same_levels(FileRecord{}, record))
      outcome.events.push_back(Change{.before = std::nullopt, .after = record});
  }
  for (const FileRecord* former : resolved.former) {
    if (!same_levels(*former, record))
      outcome.events.push_back(Change{.before = *former, .after = record});
    if (former->reference_count != 0 &&
        strongest_key(former->hashes) != strongest_key(record.hashes))
      outcome.moves.push_back(Outcome::Move{.from = former->hashes, .to = record.hashes});
  }
  outcome.conflict = outcome.conflict || resolved.conflict;
  if (resolved.former.size() != 1 || *resolved.former.front() != record)
    outcome.store.push_back(std::move(record));
}

// Applies `effect(FileRecord&)` to the resolved record and, where digests had to stay apart, to a
// new record of theirs.
template <class Effect>
Outcome write(const Resolved& resolved, bool create_apart, std::int64_t now, Effect effect) {
  Outcome outcome;
  FileRecord record = resolved.record;
  effect(record);
  finish(resolved, std::move(record), outcome);
  if (resolved.apart && create_apart) {
    Resolved alone;
    alone.record = Resolver::new_record(*resolved.apart, now);
    FileRecord own = alone.record;
    effect(own);
    finish(alone, std::move(own), outcome);
  }
  return outcome;
}

}  // namespace

Outcome apply_set(const tie::FileHashes& hashes, tie::TrustLevel level, std::string_view filename,
                  std::string_view comment, std::int64_t now, const Known& known) {
  const Resolver resolver(hashes, known);
  const bool removal = level == tie::TrustLevel::kNotSet;
  if (removal && resolver.unknown()) return {};  // L3
  return write(resolver.resolve(true, now), !removal, now, [&](FileRecord& record) {
    add_name(record, filename);
    touch(record, now);
    if (removal && record.find(tie::Provider::kEnterprise) == nullptr) return;
    ProviderEntry& entry = entry_of(record, tie::Provider::kEnterprise);
    if (entry.trust_level != level) entry.create_date = now;  // L7
    entry.trust_level = level;
    entry.comment.assign(comment);
  });
}

Outcome apply_external(const tie::ExternalReport& report, std::int64_t now,
                       const Settings& settings, const Known& known) {
  const Resolver resolver(report.hashes, known);
  const bool removal = report.trust_level == tie::TrustLevel::kNotSet;
  const bool teach = resolver.may_teach(settings.merge_learn, tie::Provider::kExternal);
  const Resolved resolved = resolver.resolve(teach, now);
  if (removal && resolved.record.find(tie::Provider::kExternal) == nullptr) return {};  // L3
  return write(resolved, !removal, now, [&](FileRecord& record) {
    add_name(record, report.filename);
    if (report.file_type != tie::FileType::kNone)
      record.file_type = static_cast<std::uint64_t>(report.file_type);
    touch(record, now);
    if (removal) {
      remove_entry(record, tie::Provider::kExternal);
      return;
    }
    ProviderEntry& entry = entry_of(record, tie::Provider::kExternal);
    entry.trust_level = report.trust_level;
    entry.create_date = now;  // L7, L12: also if the level is equal
    entry.comment = report.comment;
  });
}

LookupOutcome apply_endpoint_lookup(const tie::FileHashes& hashes, std::int64_t now,
                                    bool new_reference, std::uint64_t enterprise_size,
                                    const Settings& settings, const Known& known) {
  const Resolver resolver(hashes, known);
  const Resolved resolved =
      resolver.resolve(resolver.may_teach(settings.merge_learn, std::nullopt), now);
  LookupOutcome result;
  result.record = resolved.record;
  FileRecord& record = result.record;
  touch(record, now);
  if (!record.first_instance_sent) {
    record.first_instance_sent = true;
    result.first_instance = !resolved.sent_elsewhere;
  }
  if (new_reference) {
    ++record.reference_count;
    result.prevalence = !record.prevalent;
    const double share = settings.prevalence_min_share *
                         static_cast<double>(std::max(enterprise_size, record.reference_count));
    record.prevalent =
        record.prevalent || (record.reference_count >= settings.prevalence_min_systems &&
                             static_cast<double>(record.reference_count) >= share);
  }
  finish(resolved, record, result.outcome);
  return result;
}

}  // namespace tiara::reputation
