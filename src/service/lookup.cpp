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

void keep(const LookupContext& context, const tie::FileHashes& supplied,
          const std::vector<FileRecord>& found, std::uint64_t epoch) {
  std::vector<CachedRecordPtr> records;
  for (const FileRecord& record : found)
    records.push_back(std::make_shared<const CachedRecord>(record, context.basis));
  for (const CachedRecordPtr& record : records)
    for (const DigestKey& digest : DigestKeys(record->record.hashes))
      context.cache.insert_read(digest, record, epoch);
  for (const DigestKey& digest : DigestKeys(supplied)) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const FileRecord& record) {
      return has_digest(record.hashes, digest);
    });
    if (!known) context.cache.insert_read(digest, nullptr, epoch);
  }
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
  (record ? record->answer : context.unknown)
      .append(
          AnswerValues{.now = now, .enterprise_size = context.enterprise_size(), .counts = counts},
          out);
}

dxl::Result<std::optional<FileRecord>> find_file(const LookupContext& context,
                                                 const tie::FileHashes& hashes) {
  const std::uint64_t epoch = context.cache.epoch();
  const dxl::Result<std::vector<FileRecord>> found = context.store.find(hashes);
  if (!found) return dxl::fail(found.error());
  keep(context, hashes, *found, epoch);

  std::vector<const FileRecord*> records;
  for (const FileRecord& record : *found) records.push_back(&record);
  const reputation::Match match = reputation::match_records(hashes, records);
  const auto references = count_joined(context.store, match, records);
  if (!references) return dxl::fail(references.error());
  return merge_matched(match, records, *references);
}

dxl::Result<std::string> answer_file(const LookupContext& context, const tie::FileHashes& hashes,
                                     std::int64_t now, bool counts) {
  std::string answer;
  if (const auto cached = find_cached(context, hashes)) {
    append_cached(context, *cached, now, counts, answer);
    return answer;
  }
  const auto record = find_file(context, hashes);
  if (!record) return dxl::fail(record.error());
  const FileRecord* known = *record ? &**record : nullptr;
  context.counters.verdicts[verdict_of(known)].fetch_add(1, std::memory_order_relaxed);
  tie::append_reputations(
      make_answer(
          known, context.basis,
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
