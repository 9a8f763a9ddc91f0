#include "service/queries.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "reputation/composite.hpp"
#include "reputation/updates_pager.hpp"
#include "service/file_info.hpp"
#include "service/write_group.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

// Names that one search looks at: about a second of reading.
constexpr std::size_t kMostNamesVisited = 1'000'000;
constexpr std::string_view kNoRoom = "the answer is full, ask for this item again";
constexpr std::size_t kBatchEndBytes = 64;  // what closes the answer to a batch

using Text = dxl::Result<std::string>;

Text answer_one(const LookupContext& context, const FileQuery& query, std::int64_t now) {
  return answer_file(context, query.hashes, now, query.counts);
}

Text answer_one(const LookupContext& context, const CertQuery& query, std::int64_t now) {
  return answer_certificate(context, query.certificate, now, query.counts);
}

std::string batch_error(tie::ServiceError code, std::string_view message) {
  std::string out;
  tie::append_batch_error({.code = code, .message = std::string(message)}, out);
  return out;
}

// An error of the store concerns one item; the others may be in memory.
std::string answer_item(const LookupContext& context, const tie::BatchGetItem& item, bool counts,
                        std::int64_t now) {
  if (item.error) return batch_error(item.error->code, item.error->message);
  Text one = item.certificate ? answer_certificate(context, *item.certificate, now, counts)
                              : answer_file(context, *item.file, now, counts);
  return one ? *std::move(one) : batch_error(tie::ServiceError::kUnavailable, one.error().message);
}

// What does not fit any more gets an error, for which there always is room.
Text answer_one(const LookupContext& context, const BatchQuery& query, std::int64_t now) {
  const std::string no_room = batch_error(tie::ServiceError::kUnavailable, kNoRoom);
  std::string out;
  tie::append_batch_open(out);
  std::size_t reserved = query.batch.items.size() * (no_room.size() + 1) + kBatchEndBytes;
  bool full = false;
  for (const tie::BatchGetItem& item : query.batch.items) {
    tie::append_batch_separator(out);
    reserved -= no_room.size() + 1;
    const std::string one = full ? no_room : answer_item(context, item, query.counts, now);
    full = full || out.size() + one.size() + reserved > tie::kMaxAnswerBytes;
    out += full ? no_room : one;
  }
  tie::append_batch_close(now, out);
  return out;
}

std::size_t limit_of(const std::optional<std::int64_t>& limit, std::int64_t usual) {
  return static_cast<std::size_t>(limit.value_or(usual));
}

Text references(const LookupContext& context, const std::vector<DigestKey>& subjects,
                const std::optional<std::int64_t>& limit) {
  tie::FirstReferences answer;
  if (!subjects.empty()) {
    dxl::Result<store::ReferenceList> list = context.store.references(
        subjects, limit_of(limit, context.settings.get()->query_limit_default));
    if (!list) return dxl::fail(list.error());
    answer = {.agents = std::move(list->first), .total_count = list->total};
  }
  std::string out;
  tie::append_first_references(answer, out);
  return out;
}

// A file's records with what they are together; empty: unknown.
struct Joined {
  std::optional<FileRecord> record;
  std::vector<DigestKey> subjects;  // of each
  std::vector<DigestKey> digests;   // of all
};

dxl::Result<Joined> join(const LookupContext& context, const tie::FileHashes& hashes) {
  const dxl::Result<std::vector<FileRecord>> found = context.store.find(hashes);
  if (!found) return dxl::fail(found.error());
  std::vector<const FileRecord*> records;
  for (const FileRecord& record : *found) records.push_back(&record);
  const reputation::Match match = reputation::match_records(hashes, records);
  Joined joined;
  if (!match.main) return joined;
  std::vector<std::size_t> parts = match.joins;
  parts.insert(parts.begin(), *match.main);
  for (const std::size_t part : parts) {
    joined.subjects.push_back(strongest_key(records[part]->hashes));
    for (const DigestKey& digest : DigestKeys(records[part]->hashes))
      joined.digests.push_back(digest);
  }
  const auto count = count_joined(context.store, match, records);
  if (!count) return dxl::fail(count.error());
  joined.record = merge_matched(match, records, *count);
  return joined;
}

Text answer_one(const LookupContext& context, const tie::GetFileAgents& query, std::int64_t) {
  const dxl::Result<Joined> joined = join(context, query.hashes);
  if (!joined) return dxl::fail(joined.error());
  return references(context, joined->subjects, query.query_limit);
}

Text answer_one(const LookupContext& context, const tie::GetCertAgents& query, std::int64_t) {
  return references(context, {DigestKey::of_certificate(query.certificate.sha1)},
                    query.query_limit);
}

// What the updates topic lists about one subject; nullopt: left out.
dxl::Result<std::optional<tie::FileHashes>> changed_file(const LookupContext& context,
                                                         const UpdatesQuery& query, bool targeted,
                                                         const DigestKey& subject) {
  using None = std::optional<tie::FileHashes>;
  const tie::FileHashes hashes = reputation::hashes_of(subject);
  const dxl::Result<std::vector<FileRecord>> found = context.store.find(hashes);
  if (!found) return dxl::fail(found.error());
  // Purged since: whoever has it in a cache must still drop it.
  if (found->empty()) return targeted ? None{} : None(hashes);
  const FileRecord& record = found->front();
  if (!targeted || record.prevalent) return None(record.hashes);
  if (query.asker.empty()) return None{};
  const dxl::Result<bool> asked =
      context.store.has_reference(strongest_key(record.hashes), query.asker);
  if (!asked) return dxl::fail(asked.error());
  return *asked ? None(record.hashes) : None{};
}

dxl::Result<bool> is_listed(const LookupContext& context, const UpdatesQuery& query, bool targeted,
                            const tie::Sha1& certificate) {
  if (!targeted) return true;
  const auto record = context.store.find_certificate(certificate);
  if (!record) return dxl::fail(record.error());
  if (*record && (*record)->prevalent) return true;
  if (query.asker.empty()) return false;
  return context.store.has_reference(DigestKey::of_certificate(certificate), query.asker);
}

dxl::Result<bool> is_listed(const LookupContext& context, const UpdatesQuery& query, bool targeted,
                            const DigestKey& file) {
  const auto changed = changed_file(context, query, targeted, file);
  if (!changed) return dxl::fail(changed.error());
  return changed->has_value();
}

Text answer_one(const LookupContext& context, const UpdatesQuery& query, std::int64_t now) {
  const LiveSettings::Snapshot settings = context.settings.get();
  const bool targeted = query.updates.targeted.value_or(settings->updates_targeted);
  reputation::UpdatesPager pager(
      query.updates.since, limit_of(query.updates.query_limit, settings->updates_default_limit));
  tie::Updates answer;
  std::optional<dxl::Error> failure;
  const dxl::Result<void> read =
      context.store.read_updates(query.updates.since, [&](const store::Batch::Update& update) {
        const bool certificate = update.subject.type() == reputation::DigestType::kCertificate;
        if (certificate ? !query.updates.certificates : !query.updates.files) return true;
        // Judged before it counts: what is left out takes no place on the page.
        const dxl::Result<bool> listed =
            certificate
                ? is_listed(context, query, targeted, reputation::certificate_of(update.subject))
                : is_listed(context, query, targeted, update.subject);
        if (!listed) failure = listed.error();
        if (!listed || !*listed) return listed.has_value() && pager.skip(update.time);
        return pager.add({.time = update.time, .id = update.change_id, .subject = update.subject});
      });
  if (!read) return dxl::fail(read.error());
  if (failure) return dxl::fail(*failure);
  const reputation::UpdatesPage page = std::move(pager).finish();
  for (const DigestKey& subject : page.subjects) {
    if (subject.type() == reputation::DigestType::kCertificate) {
      answer.certificates.push_back(reputation::certificate_of(subject));
      continue;
    }
    const auto hashes = changed_file(context, query, false, subject);
    if (!hashes) return dxl::fail(hashes.error());
    answer.files.push_back(**hashes);
  }
  answer.latest_update_time = page.latest_update_time;
  answer.more = page.more;
  answer.server_time = now;
  std::string out;
  tie::append_updates(answer, query.updates, out);
  return out;
}

dxl::Result<std::optional<reputation::CertRecord>> signer_of(
    const LookupContext& context, const std::optional<FileRecord>& file) {
  if (!file || !file->signer) return std::optional<reputation::CertRecord>{};
  return context.store.find_certificate(file->signer->sha1);
}

dxl::Result<std::optional<tie::FileInfo>> file_info(const LookupContext& context,
                                                    const tie::FileHashes& hashes) {
  const auto record = find_file(context, hashes);
  if (!record) return dxl::fail(record.error());
  if (!*record) return std::optional<tie::FileInfo>{};
  const auto signer = signer_of(context, *record);
  if (!signer) return dxl::fail(signer.error());
  return std::optional(make_file_info(**record, *signer ? &**signer : nullptr));
}

// Info by info: all of them together may be many times as long as an answer can be.
Text file_infos(const LookupContext& context, const std::vector<tie::FileHashes>& files) {
  std::string out;
  tie::append_file_infos_open(out);
  bool all = true;
  for (auto hashes = files.begin(); all && hashes != files.end(); ++hashes) {
    const auto info = file_info(context, *hashes);
    if (!info) return dxl::fail(info.error());
    if (*info) all = tie::append_file_info(**info, out);
  }
  tie::append_file_infos_close(all, out);
  return out;
}

Text answer_one(const LookupContext& context, const InfoQuery& query, std::int64_t) {
  return file_infos(context, query.files);
}

Text answer_one(const LookupContext& context, const tie::SearchFiles& query, std::int64_t) {
  // Whole digests are names too.
  if (const auto hashes = parse_any_digest(query.text)) return file_infos(context, {*hashes});
  const auto found = context.store.search_names(query.text, static_cast<std::size_t>(query.rows),
                                                kMostNamesVisited);
  if (!found) return dxl::fail(found.error());
  return file_infos(context, found->files);
}

Text answer_one(const LookupContext& context, const tie::ExplainRequest& query, std::int64_t) {
  std::string out;
  if (query.certificate) {
    const auto record = context.store.find_certificate(query.certificate->sha1);
    if (!record) return dxl::fail(record.error());
    tie::append_explanation(reputation::explain_certificate(*record ? &**record : nullptr), out);
    return out;
  }
  const auto record = find_file(context, *query.file);
  if (!record) return dxl::fail(record.error());
  const auto signer = signer_of(context, *record);
  if (!signer) return dxl::fail(signer.error());
  tie::append_explanation(
      reputation::explain_file(*record ? &**record : nullptr, *signer ? &**signer : nullptr), out);
  return out;
}

Text answer_one(const LookupContext& context, const tie::HistoryRequest& query, std::int64_t) {
  std::vector<DigestKey> digests;
  if (query.certificate) {
    digests.push_back(DigestKey::of_certificate(query.certificate->sha1));
  } else {
    // What happened under any digest of the file, also before they were known to be one.
    const dxl::Result<Joined> joined = join(context, *query.file);
    if (!joined) return dxl::fail(joined.error());
    digests = joined->digests;
    // A purged file has no record any more, but a history.
    if (digests.empty())
      for (const DigestKey& digest : DigestKeys(*query.file)) digests.push_back(digest);
  }
  const auto found = context.store.history(digests, static_cast<std::size_t>(query.limit));
  if (!found) return dxl::fail(found.error());
  std::vector<tie::HistoryEntry> entries;
  for (const store::NumberedAuditEntry& numbered : *found) {
    const store::AuditEntry& entry = numbered.entry;
    entries.push_back({.time = entry.time,
                       .provider = entry.provider,
                       .old_level = entry.old_level,
                       .new_level = entry.new_level,
                       .comment = entry.comment,
                       .kind = std::string(to_string(entry.kind)),
                       .actor_certificate = entry.actor.certificate,
                       .actor_name = entry.actor.name,
                       .actor_client_id = entry.actor.client_id});
  }
  std::string out;
  tie::append_history(entries, out);
  return out;
}

}  // namespace

bool is_slow(const Query& query) {
  return !std::holds_alternative<FileQuery>(query) && !std::holds_alternative<CertQuery>(query) &&
         !std::holds_alternative<BatchQuery>(query);
}

dxl::Result<std::string> answer(const LookupContext& context, const Query& query,
                                std::int64_t now) {
  return std::visit([&](const auto& each) { return answer_one(context, each, now); }, query);
}

}  // namespace tiara::service
