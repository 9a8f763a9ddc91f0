#include "service/lookup.hpp"

#include <algorithm>
#include <utility>

#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;

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
  const std::uint64_t size = settings.get().enterprise_size;
  return size != 0 ? size : store.enterprise_size();
}

dxl::Result<std::optional<std::uint64_t>> count_joined(
    const store::ReputationStore& store, const reputation::Match& match,
    const std::vector<const FileRecord*>& found) {
  if (match.joins.empty()) return std::optional<std::uint64_t>{};
  std::vector<tie::FileHashes> subjects{found[*match.main]->hashes};
  for (const std::size_t join : match.joins) subjects.push_back(found[join]->hashes);
  const dxl::Result<std::uint64_t> count = store.count_references(subjects);
  if (!count) return dxl::fail(count.error());
  return std::optional<std::uint64_t>(*count);
}

dxl::Result<std::string> answer_lookup(const LookupContext& context, const tie::FileHashes& hashes,
                                       std::int64_t now, bool submit_metadata) {
  const std::uint64_t epoch = context.cache.epoch();
  const dxl::Result<std::vector<FileRecord>> found = context.store.find(hashes);
  if (!found) return dxl::fail(found.error());
  keep(context, hashes, *found, epoch);

  std::vector<const FileRecord*> records;
  for (const FileRecord& record : *found) records.push_back(&record);
  const reputation::Match match = reputation::match_records(hashes, records);
  const auto references = count_joined(context.store, match, records);
  if (!references) return dxl::fail(references.error());
  const std::optional<FileRecord> record = merge_matched(match, records, *references);
  std::string answer;
  tie::append_reputations(make_answer(record ? &*record : nullptr, context.basis,
                                      AnswerValues{.now = now,
                                                   .enterprise_size = context.enterprise_size(),
                                                   .submit_metadata = submit_metadata}),
                          answer);
  return answer;
}

}  // namespace tiara::service
