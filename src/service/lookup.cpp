#include "service/lookup.hpp"

#include <algorithm>
#include <utility>

#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

// Under the digests it was asked for by, so that a record asked for by one takes one place.
void keep(const LookupContext& context, const tie::FileHashes& supplied,
          const std::vector<CachedRecordPtr>& found, std::uint64_t epoch) {
  for (const DigestKey& digest : DigestKeys(supplied)) {
    const auto holder = std::find_if(found.begin(), found.end(), [&](const CachedRecordPtr& one) {
      return has_digest(one->record.hashes, digest);
    });
    context.cache.insert_read(digest, holder == found.end() ? nullptr : *holder, epoch);
  }
}

// What the store has for the supplied digests, and which of it counts.
struct Found {
  std::vector<CachedRecordPtr> records;
  reputation::Match match;

  std::vector<const FileRecord*> plain() const {
    std::vector<const FileRecord*> plain;
    for (const CachedRecordPtr& one : records) plain.push_back(&one->record);
    return plain;
  }
};

dxl::Result<Found> read_records(const LookupContext& context, const tie::FileHashes& hashes) {
  const std::uint64_t epoch = context.cache.epoch();
  dxl::Result<std::vector<FileRecord>> read = context.store.find(hashes);
  if (!read) return dxl::fail(read.error());
  Found found;
  for (FileRecord& record : *read)
    found.records.push_back(std::make_shared<const CachedRecord>(std::move(record)));
  keep(context, hashes, found.records, epoch);
  found.match = reputation::match_records(hashes, found.plain());
  return found;
}

dxl::Result<std::optional<FileRecord>> merge(const LookupContext& context, const Found& found) {
  const std::vector<const FileRecord*> records = found.plain();
  const auto references = count_joined(context.store, found.match, records);
  if (!references) return dxl::fail(references.error());
  return merge_matched(found.match, records, *references);
}

}  // namespace

std::uint64_t LookupContext::enterprise_size() const {
  const std::uint64_t size = settings.get()->enterprise_size;
  return size != 0 ? size : store.enterprise_size();
}

dxl::Result<std::optional<std::uint64_t>> count_joined(
    const store::ReputationStore& store, const reputation::Match& match,
    const std::vector<const FileRecord*>& found) {
  if (match.joins.empty()) return std::optional<std::uint64_t>{};
  std::vector<DigestKey> subjects{strongest_key(found[*match.main]->hashes)};
  for (const std::size_t join : match.joins) subjects.push_back(strongest_key(found[join]->hashes));
  const dxl::Result<std::uint64_t> count = store.count_references(subjects);
  if (!count) return dxl::fail(count.error());
  return std::optional<std::uint64_t>(*count);
}

std::optional<CachedRecordPtr> find_cached(const LookupContext& context,
                                           const tie::FileHashes& hashes) {
  CachedRecordPtr record;
  for (const DigestKey& digest : DigestKeys(hashes)) {
    // As the store has it: a record's digests are not looked for again.
    if (record && has_digest(record->record.hashes, digest)) continue;
    const auto cached = context.cache.find(digest);
    if (!cached) return std::nullopt;
    if (!*cached) continue;
    if (record && strongest_key(record->record.hashes) != strongest_key((*cached)->record.hashes))
      return std::nullopt;
    record = *cached;
  }
  if (record && reputation::digests_differ(record->record.hashes, hashes)) return std::nullopt;
  return record;
}

void append_cached(const LookupContext& context, const CachedRecordPtr& record, std::int64_t now,
                   bool counts, std::string& out) {
  context.counters.verdicts[record ? record->verdict : 0].fetch_add(1, std::memory_order_relaxed);
  (record ? record->answer(context.basis) : context.unknown)
      .append(
          AnswerValues{.now = now, .enterprise_size = context.enterprise_size(), .counts = counts},
          out);
}

dxl::Result<std::optional<FileRecord>> find_file(const LookupContext& context,
                                                 const tie::FileHashes& hashes) {
  const dxl::Result<Found> found = read_records(context, hashes);
  if (!found) return dxl::fail(found.error());
  return merge(context, *found);
}

dxl::Result<std::string> answer_file(const LookupContext& context, const tie::FileHashes& hashes,
                                     std::int64_t now, bool counts) {
  std::string answer;
  if (const auto cached = find_cached(context, hashes)) {
    append_cached(context, *cached, now, counts, answer);
    return answer;
  }
  const dxl::Result<Found> found = read_records(context, hashes);
  if (!found) return dxl::fail(found.error());
  const reputation::Match& match = found->match;
  if (!match.main) {
    append_cached(context, nullptr, now, counts, answer);
    return answer;
  }
  std::optional<FileRecord> merged;
  if (!match.joins.empty()) {
    auto made = merge(context, *found);
    if (!made) return dxl::fail(made.error());
    merged = *std::move(made);
  }
  const FileRecord& record = merged ? *merged : found->records[*match.main]->record;
  context.counters.verdicts[verdict_of(&record)].fetch_add(1, std::memory_order_relaxed);
  tie::append_reputations(
      make_answer(
          &record, context.basis,
          AnswerValues{.now = now, .enterprise_size = context.enterprise_size(), .counts = counts}),
      answer);
  return answer;
}

dxl::Result<std::string> answer_certificate(const LookupContext& context,
                                            const tie::Certificate& certificate, std::int64_t now,
                                            bool counts) {
  const auto record = context.store.find_certificate(certificate.sha1);
  if (!record) return dxl::fail(record.error());
  const auto limit = static_cast<std::size_t>(context.settings.get()->overridden_max_files);
  const auto overridden = context.store.overridden(certificate.sha1, limit);
  if (!overridden) return dxl::fail(overridden.error());
  std::string answer;
  tie::append_reputations(
      make_cert_answer(
          *record ? &**record : nullptr, context.basis,
          AnswerValues{.now = now, .enterprise_size = context.enterprise_size(), .counts = counts},
          *overridden),
      answer);
  return answer;
}

}  // namespace tiara::service
