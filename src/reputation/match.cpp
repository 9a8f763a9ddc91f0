#include "reputation/match.hpp"

#include <algorithm>
#include <utility>

#include "reputation/digest_key.hpp"

namespace tiara::reputation {
namespace {

// The strongest type in which two sets agree and the strongest in which they differ; 0 for none.
struct Comparison {
  int agree = 0;
  int differ = 0;
};

template <class D>
void compare_type(const std::optional<D>& left, const std::optional<D>& right, DigestType type,
                  Comparison& result) {
  if (!left || !right) return;
  int& strongest = *left == *right ? result.agree : result.differ;
  strongest = std::max(strongest, static_cast<int>(type));
}

Comparison compare(const tie::FileHashes& left, const tie::FileHashes& right) {
  Comparison result;
  compare_type(left.md5, right.md5, DigestType::kMd5, result);
  compare_type(left.sha1, right.sha1, DigestType::kSha1, result);
  compare_type(left.sha256, right.sha256, DigestType::kSha256, result);
  return result;
}

template <class T>
void fill(std::optional<T>& gap, const std::optional<T>& other) {
  if (!gap) gap = other;
}

// Rule 3 for one provider: a level beats none, the newer beats the older, the lower an equally old
// one.
bool beats(const ProviderEntry& challenger, const ProviderEntry& holder) {
  const bool challenger_set = challenger.trust_level != tie::TrustLevel::kNotSet;
  const bool holder_set = holder.trust_level != tie::TrustLevel::kNotSet;
  if (challenger_set != holder_set) return challenger_set;
  if (challenger.create_date != holder.create_date)
    return challenger.create_date > holder.create_date;
  return challenger.trust_level < holder.trust_level;
}

void merge_entries(std::vector<ProviderEntry>& main, const std::vector<ProviderEntry>& other) {
  for (const ProviderEntry& theirs : other) {
    const std::size_t before = main.size();
    ProviderEntry& ours = entry_of(main, theirs.provider);
    if (main.size() != before || beats(theirs, ours)) ours = theirs;
  }
}

void fill(std::string& gap, const std::string& other) {
  if (gap.empty()) gap = other;
}

void merge_local(FileDetails& main, const FileDetails& other) {
  const bool theirs_is_later = other.local.count != 0 && other.local_time > main.local_time;
  main.local.add(other.local);
  if (!theirs_is_later) return;
  main.local.latest = other.local.latest;
  main.local_time = other.local_time;
}

void merge_detections(FileDetails& main, const FileDetails& other) {
  main.detection_count += other.detection_count;
  if (other.last_detection <= main.last_detection) return;
  main.last_detection = other.last_detection;
  main.last_detection_name = other.last_detection_name;
}

void merge_details(FileDetails& main, const FileDetails& other) {
  main.described = main.described || other.described;
  for (const std::string& path : other.paths) add_path(main, path);
  fill(main.size, other.size);
  fill(main.signed_bits, other.signed_bits);
  fill(main.latest_rule_id, other.latest_rule_id);
  fill(main.version, other.version);
  fill(main.company_name, other.company_name);
  fill(main.product_name, other.product_name);
  fill(main.product_version, other.product_version);
  fill(main.profiler_flags, other.profiler_flags);
  merge_local(main, other);
  main.prompted.add(other.prompted);
  main.parents.add(other.parents);
  main.children.add(other.children);
  merge_detections(main, other);
}

}  // namespace

bool digests_differ(const tie::FileHashes& left, const tie::FileHashes& right) {
  return compare(left, right).differ != 0;
}

void fill_digests(tie::FileHashes& hashes, const tie::FileHashes& other) {
  fill(hashes.md5, other.md5);
  fill(hashes.sha1, other.sha1);
  fill(hashes.sha256, other.sha256);
}

Match match_records(const tie::FileHashes& supplied, const std::vector<const FileRecord*>& found) {
  Match match;
  std::vector<std::pair<int, std::size_t>> counting;  // strength of agreement, index
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Comparison result = compare(supplied, found[i]->hashes);
    if (result.differ != 0) match.conflict = true;
    if (result.agree > result.differ) counting.emplace_back(result.agree, i);
  }
  // A digest belongs to one record at most, so no two agree in the same type.
  std::sort(counting.begin(), counting.end(),
            [](const auto& left, const auto& right) { return left.first > right.first; });
  tie::FileHashes together;
  for (const auto& [strength, index] : counting) {
    match.counts.push_back(index);
    const tie::FileHashes& own = found[index]->hashes;
    if (!match.main) {
      match.main = index;
    } else if (!digests_differ(together, own)) {
      match.joins.push_back(index);
    } else {
      match.conflict = true;
      continue;
    }
    fill_digests(together, own);
  }
  return match;
}

FileRecord merge_records(FileRecord main, const FileRecord& other,
                         std::optional<std::uint64_t> reference_count) {
  fill_digests(main.hashes, other.hashes);
  merge_entries(main.entries, other.entries);
  main.first_contact = std::min(main.first_contact, other.first_contact);
  main.created = std::min(main.created, other.created);
  main.last_used = std::max(main.last_used, other.last_used);
  for (const std::string& name : other.names) add_name(main, name);
  if (main.file_type == 0) main.file_type = other.file_type;
  main.reference_count = reference_count.value_or(main.reference_count + other.reference_count);
  main.prevalent = main.prevalent || other.prevalent;
  main.first_instance_sent = main.first_instance_sent || other.first_instance_sent;
  learn_signer(main, other.signer);
  merge_details(main.details, other.details);
  return main;
}

std::optional<FileRecord> merge_matched(const Match& match,
                                        const std::vector<const FileRecord*>& found,
                                        std::optional<std::uint64_t> reference_count) {
  if (!match.main) return std::nullopt;
  FileRecord record = *found[*match.main];
  for (const std::size_t join : match.joins)
    record = merge_records(std::move(record), *found[join]);
  if (!match.joins.empty() && reference_count) record.reference_count = *reference_count;
  return record;
}

}  // namespace tiara::reputation
