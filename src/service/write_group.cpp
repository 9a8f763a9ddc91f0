#include "service/write_group.hpp"

#include <algorithm>

#include "store/agent_key.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::CertRecord;
using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::ProviderEntry;
using reputation::strongest_key;
using store::AuditKind;

// Systems a targeted event is addressed to one by one; for more it is a broadcast (§3.11).
constexpr std::size_t kMostEnrolled = 1'000;
constexpr std::int64_t kSecondsPerMinute = 60;
// Entries of the audit log about conflicts of which everybody can make as many as he likes.
constexpr std::uint32_t kConflictsPerMinute = 60;

// Whether applying a message with these digests may give a record another strongest digest, or
// make one record of several: its references then move (docs/store.md).
bool may_move_references(const tie::FileHashes& supplied, const WriteGroup::Found& found) {
  if (!found.match.main) return false;
  if (!found.match.joins.empty()) return true;
  const FileRecord& main = *found.known.records[*found.match.main];
  return strongest_key(supplied).type() > strongest_key(main.hashes).type();
}

bool has_override(const FileRecord& record) {
  return record.level(tie::Provider::kEnterprise) != tie::TrustLevel::kNotSet;
}

tie::TrustLevel level_in(const std::vector<ProviderEntry>& entries, tie::Provider provider) {
  const auto at = std::ranges::find(entries, provider, &ProviderEntry::provider);
  return at == entries.end() ? tie::TrustLevel::kNotSet : at->trust_level;
}

}  // namespace

WriteGroup::WriteGroup(const LookupContext& context, const store::ReputationStore& store)
    : context_(context), store_(store), change_id_(store.last_change_id()) {}

void WriteGroup::begin(std::int64_t now) {
  now_ = now;
  change_id_ = store_.last_change_id();
  synced_ = false;
  files_.clear();
  certificates_.clear();
  references_.clear();
  purged_.clear();
  batch_ = {};
}

AnswerValues WriteGroup::answer_values(bool counts) const {
  return AnswerValues{.now = now_, .enterprise_size = context_.enterprise_size(), .counts = counts};
}

// This group's changes, else the cache, else the store.
dxl::Result<std::vector<WriteGroup::FilePtr>> WriteGroup::find_records(
    const tie::FileHashes& hashes) const {
  std::vector<FilePtr> records;
  std::optional<std::vector<FileRecord>> stored;
  for (const DigestKey& digest : DigestKeys(hashes)) {
    FilePtr record;
    if (const auto changed = files_.find(digest); changed != files_.end()) {
      record = changed->second;
    } else if (const auto cached = context_.cache.find(digest)) {
      if (*cached) record = FilePtr(*cached, &(*cached)->record);
    } else {
      if (!stored) {
        dxl::Result<std::vector<FileRecord>> read = store_.find(hashes);
        if (!read) return dxl::fail(read.error());
        stored = std::move(*read);
      }
      const auto holder = std::find_if(
          stored->begin(), stored->end(),
          [&digest](const FileRecord& candidate) { return has_digest(candidate.hashes, digest); });
      if (holder != stored->end()) record = std::make_shared<const FileRecord>(*holder);
    }
    const bool known = record && std::any_of(records.begin(), records.end(), [&](const auto& r) {
                         return strongest_key(r->hashes) == strongest_key(record->hashes);
                       });
    if (record && !known) records.push_back(std::move(record));
  }
  return records;
}

dxl::Result<WriteGroup::Found> WriteGroup::find(const tie::FileHashes& hashes) const {
  Found found{.supplied = hashes, .records = {}, .known = {}, .match = {}};
  dxl::Result<std::vector<FilePtr>> records = find_records(hashes);
  if (!records) return dxl::fail(records.error());
  found.records = std::move(*records);
  for (const FilePtr& record : found.records) found.known.records.push_back(record.get());
  found.match = reputation::match_records(hashes, found.known.records);
  const auto joined = count_joined(store_, found.match, found.known.records);
  if (!joined) return dxl::fail(joined.error());
  found.known.joined_references = *joined;
  return found;
}

dxl::Result<WriteGroup::CertPtr> WriteGroup::find_certificate(const tie::Sha1& sha1) const {
  if (const auto changed = certificates_.find(sha1); changed != certificates_.end())
    return changed->second;
  dxl::Result<std::optional<CertRecord>> stored = store_.find_certificate(sha1);
  if (!stored) return dxl::fail(stored.error());
  return *stored ? std::make_shared<const CertRecord>(**std::move(stored)) : CertPtr();
}

std::vector<DigestKey> WriteGroup::subjects_of(const Found& found) {
  std::vector<DigestKey> subjects;
  const auto add = [&](std::size_t index) {
    subjects.push_back(strongest_key(found.known.records[index]->hashes));
  };
  if (found.match.main) add(*found.match.main);
  for (const std::size_t join : found.match.joins) add(join);
  return subjects;
}

dxl::Result<bool> WriteGroup::is_referenced(const std::vector<DigestKey>& subjects,
                                            std::string_view agent) const {
  for (const DigestKey& subject : subjects) {
    if (references_.contains({subject, store::agent_key(agent)})) return true;
    const dxl::Result<bool> stored = store_.has_reference(subject, agent);
    if (!stored || *stored) return stored;
  }
  return false;
}

bool WriteGroup::needs_commit_before(const tie::FileHashes& hashes, const Found& found,
                                     bool counts) const {
  const bool moves = may_move_references(hashes, found);
  // The store alone knows which references have moved, and moves those it has.
  if (!batch_.moves.empty()) return counts || moves;
  return moves && !batch_.references.empty();
}

void WriteGroup::put(const FileRecord& record) {
  const auto shared = std::make_shared<const FileRecord>(record);
  for (const DigestKey& digest : DigestKeys(record.hashes)) files_[digest] = shared;
  batch_.put.push_back(record);
}

// L18: the files of a certificate that have an override, by the override's date.
void WriteGroup::index_overrides(const FileRecord& after, const Found& found) {
  using Entry = store::Batch::SignedOverride;
  const auto entry_of = [](const FileRecord& record, bool present) {
    return Entry{.certificate = record.signer->sha1,
                 .file = strongest_key(record.hashes),
                 .changed = record.find(tie::Provider::kEnterprise)->create_date,
                 .present = present};
  };
  for (const FilePtr& before : found.records) {
    if (!before->signer || !has_override(*before)) continue;
    if (!has_digest(after.hashes, strongest_key(before->hashes))) continue;
    batch_.overrides.push_back(entry_of(*before, false));
  }
  if (after.signer && has_override(after)) batch_.overrides.push_back(entry_of(after, true));
}

void WriteGroup::take(const reputation::Outcome& outcome, const Found& found, const Cause& cause,
                      Completed& result) {
  for (const FileRecord& record : outcome.store) {
    put(record);
    index_overrides(record, found);
  }
  for (const reputation::Outcome::Move& move : outcome.moves)
    batch_.moves.push_back(store::Batch::Move{.from = move.from, .to = move.to});
  for (const reputation::Change& change : outcome.events) {
    publish(change, cause, result);
    store::AuditEntry entry;
    entry.hashes = change.after.hashes;
    audit_levels(change.before ? change.before->entries : std::vector<ProviderEntry>{},
                 change.after.entries, cause, std::move(entry));
  }
  if (!outcome.conflict) return;
  const FileRecord* record = !outcome.store.empty() ? &outcome.store.front()
                             : found.match.main     ? found.known.records[*found.match.main]
                                                    : nullptr;
  store::AuditEntry entry{
      .hashes = found.supplied,
      .comment = "digests or a signer that contradict the record were not stored"};
  if (record != nullptr) entry.new_level = record->level(cause.provider);
  audit_conflict(std::move(entry), cause);
}

void WriteGroup::take(const reputation::CertOutcome& outcome, const tie::Sha1& sha1,
                      const Cause& cause, Completed& result) {
  if (outcome.store) {
    certificates_[outcome.store->certificate.sha1] =
        std::make_shared<const CertRecord>(*outcome.store);
    batch_.put_certificates.push_back(*outcome.store);
  }
  if (outcome.event) {
    publish(*outcome.event, cause, result);
    store::AuditEntry entry;
    entry.is_certificate = true;
    entry.hashes.sha1 = outcome.event->after.certificate.sha1;
    audit_levels(
        outcome.event->before ? outcome.event->before->entries : std::vector<ProviderEntry>{},
        outcome.event->after.entries, cause, std::move(entry));
  }
  if (!outcome.conflict) return;
  store::AuditEntry entry{
      .is_certificate = true,
      .comment = "a public key that contradicts the certificate's was not stored"};
  entry.hashes.sha1 = sha1;
  if (outcome.store) entry.new_level = outcome.store->level(cause.provider);
  audit_conflict(std::move(entry), cause);
}

// §6.10 rule 4. Everybody may send lookups and metadata, so that of their conflicts the log keeps a
// few each minute; all are counted.
void WriteGroup::audit_conflict(store::AuditEntry entry, const Cause& cause) {
  context_.counters.digest_conflicts.fetch_add(1);
  if (cause.kind == AuditKind::kMerge) {
    const std::int64_t minute = now_ / kSecondsPerMinute;
    if (minute != conflict_minute_) conflicts_ = 0;
    conflict_minute_ = minute;
    if (++conflicts_ > kConflictsPerMinute) return;
  }
  entry.kind = AuditKind::kConflict;
  entry.provider = cause.provider;
  entry.old_level = entry.new_level;
  entry.actor = cause.actor;
  add_audit(std::move(entry));
}

// One entry per provider whose level differs. What another provider than the message's own shows
// afterwards came from a merge.
void WriteGroup::audit_levels(const std::vector<ProviderEntry>& before,
                              const std::vector<ProviderEntry>& after, const Cause& cause,
                              store::AuditEntry entry) {
  const auto compare = [&](tie::Provider provider) {
    entry.provider = provider;
    entry.old_level = level_in(before, provider);
    entry.new_level = level_in(after, provider);
    if (entry.old_level == entry.new_level) return;
    entry.kind = provider == cause.provider ? cause.kind : AuditKind::kMerge;
    entry.comment = provider == cause.provider ? std::string(cause.comment) : std::string();
    entry.actor = cause.actor;
    add_audit(entry);
  };
  for (const ProviderEntry& each : after) compare(each.provider);
  for (const ProviderEntry& each : before)
    if (std::ranges::find(after, each.provider, &ProviderEntry::provider) == after.end())
      compare(each.provider);
}

void WriteGroup::add_audit(store::AuditEntry entry) {
  entry.time = now_;
  batch_.audit.push_back(std::move(entry));
  synced_ = true;  // what the log says must be so
}

void WriteGroup::add_reference(const DigestKey& subject, std::string_view agent) {
  batch_.references.push_back(
      store::Batch::Reference{.subject = subject, .agent = std::string(agent), .time = now_});
  references_.emplace(subject, store::agent_key(agent));
}

void WriteGroup::add_agent(std::string_view agent) { batch_.agents.emplace_back(agent); }

void WriteGroup::purge(const FileRecord& record, const Cause& cause) {
  for (const DigestKey& digest : DigestKeys(record.hashes)) {
    files_[digest] = nullptr;
    purged_.push_back(digest);
  }
  batch_.remove.push_back(record);
  store::AuditEntry entry;
  entry.hashes = record.hashes;
  audit_levels(record.entries, {}, cause, std::move(entry));
}

void WriteGroup::purge(const CertRecord& record, const Cause& cause) {
  certificates_[record.certificate.sha1] = nullptr;
  batch_.remove_certificates.push_back(record.certificate.sha1);
  store::AuditEntry entry;
  entry.is_certificate = true;
  entry.hashes.sha1 = record.certificate.sha1;
  audit_levels(record.entries, {}, cause, std::move(entry));
}

void WriteGroup::publish(const reputation::Change& change, const Cause& cause, Completed& result) {
  const AnswerValues values = answer_values(false);
  tie::FileReputationChange event;
  event.hashes = change.after.hashes;
  event.old_reputations =
      make_answer(change.before ? &*change.before : nullptr, context_.basis, values);
  event.new_reputations = make_answer(&change.after, context_.basis, values);
  event.update_time = now_;
  event.signer = change.after.signer;
  std::string payload;
  tie::append_file_change(event,
                          {.change_id = ++change_id_,
                           .cause_provider = static_cast<std::int32_t>(cause.provider),
                           .cause_kind = to_string(cause.kind)},
                          payload);
  publish(tie::kTopicFileChangeBroadcast, tie::kTopicFileChange, strongest_key(change.after.hashes),
          std::move(payload), result);
}

void WriteGroup::publish(const reputation::CertChange& change, const Cause& cause,
                         Completed& result) {
  const tie::Sha1& sha1 = change.after.certificate.sha1;
  // The snapshots have the attribute that tells of overrides, not the list of them (L6).
  const dxl::Result<tie::OverriddenFiles> overridden = store_.overridden(sha1, 1);
  const auto snapshot = [&](const CertRecord* record) {
    tie::Reputations answer = make_cert_answer(record, context_.basis, answer_values(false),
                                               overridden ? *overridden : tie::OverriddenFiles{});
    answer.overridden.reset();
    return answer;
  };
  tie::CertificateReputationChange event;
  event.certificate = change.after.certificate;
  event.old_reputations = snapshot(change.before ? &*change.before : nullptr);
  event.new_reputations = snapshot(&change.after);
  event.update_time = now_;
  std::string payload;
  tie::append_cert_change(event,
                          {.change_id = ++change_id_,
                           .cause_provider = static_cast<std::int32_t>(cause.provider),
                           .cause_kind = to_string(cause.kind)},
                          payload);
  publish(tie::kTopicCertChangeBroadcast, tie::kTopicCertChange, DigestKey::of_certificate(sha1),
          std::move(payload), result);
}

// Identical on both topics (L15).
void WriteGroup::publish(std::string_view broadcast, std::string_view targeted,
                         const DigestKey& subject, std::string payload, Completed& result) {
  using Targeted = reputation::Settings::Targeted;
  batch_.change_id = change_id_;
  batch_.updates.push_back(
      store::Batch::Update{.time = now_, .change_id = change_id_, .subject = subject});
  synced_ = true;  // an id that was published must not be given out again
  result.changed = true;
  result.events.push_back({.topic = broadcast, .payload = payload});
  const Targeted mode = context_.settings.get()->events_targeted;
  if (mode == Targeted::kOff) return;
  Publication event{.topic = targeted, .payload = std::move(payload)};
  if (mode == Targeted::kEnrolled) {
    const dxl::Result<store::ReferenceList> enrolled = store_.references({subject}, kMostEnrolled);
    if (enrolled && enrolled->total == 0) return;
    if (enrolled && enrolled->total <= kMostEnrolled)
      for (const tie::FirstReference& each : enrolled->first)
        event.client_ids.push_back(each.agent_guid);
  }
  result.events.push_back(std::move(event));
}

std::vector<CachedRecordPtr> WriteGroup::cached_records() const {
  std::vector<CachedRecordPtr> records;
  for (const auto& [digest, record] : files_) {
    if (record && digest == strongest_key(record->hashes))
      records.push_back(std::make_shared<const CachedRecord>(reputation::FileRecord(*record)));
  }
  return records;
}

}  // namespace tiara::service
