// Hash identity (TIE reference §6.10): which records a set of digests means, and how two records
// become one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "reputation/record.hpp"
#include "tie/hash.hpp"

namespace tiara::reputation {

// Rules 1 and 2: which of the records found for the supplied digests count, which is main, which
// join it. Indices refer to `found`, strongest agreement first.
struct Match {
  std::optional<std::size_t> main;
  std::vector<std::size_t> joins;
  std::vector<std::size_t> counts;
  bool conflict = false;  // a supplied digest contradicts a found record: kept for audit (rule 4)
  friend bool operator==(const Match&, const Match&) = default;
};

// `found` are the distinct records that hold at least one of the supplied digests. A counting
// record joins if it differs neither from the main one nor from one that joined before it: merging
// two that differ would hide what is known under the digest that loses.
Match match_records(const tie::FileHashes& supplied, const std::vector<const FileRecord*>& found);

// Rule 3. `main` keeps its digests, gaps are filled from `other`. `reference_count` is the number
// of distinct systems of both together; nullopt adds the counts up.
FileRecord merge_records(FileRecord main, const FileRecord& other,
                         std::optional<std::uint64_t> reference_count = std::nullopt);

// The main record with those that join it merged in: what a lookup answers. Nullopt: unknown.
std::optional<FileRecord> merge_matched(const Match& match,
                                        const std::vector<const FileRecord*>& found,
                                        std::optional<std::uint64_t> reference_count);

// Whether some type is present in both and different.
bool digests_differ(const tie::FileHashes& left, const tie::FileHashes& right);
// Adds to `hashes` the types it lacks.
void fill_digests(tie::FileHashes& hashes, const tie::FileHashes& other);

}  // namespace tiara::reputation
