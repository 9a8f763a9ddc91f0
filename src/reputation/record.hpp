// What the service keeps about one file: a value, versioned on disk by src/store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::reputation {

// One provider's verdict. GTI (1) and Enterprise (3) always exist in answers, others only after a
// report.
struct ProviderEntry {
  tie::FileProvider provider = tie::FileProvider::kGti;
  tie::TrustLevel trust_level = tie::TrustLevel::kNotSet;
  std::int64_t create_date = 0;
  std::string comment;
  friend bool operator==(const ProviderEntry&, const ProviderEntry&) = default;
};

struct FileRecord {
  tie::FileHashes hashes;
  std::vector<ProviderEntry>
      entries;                     // sorted by provider; Enterprise present once it was ever set
  std::int64_t first_contact = 0;  // attribute 2102165
  std::int64_t created = 0;        // record creation: createDate of entries that never changed (L7)
  std::int64_t last_used = 0;      // for retention; day resolution
  std::vector<std::string> names;  // distinct, oldest first; at most kMaxNames
  std::uint64_t file_type = 0;
  std::uint64_t reference_count = 0;  // distinct systems: attribute 2101652
  bool prevalent = false;
  bool first_instance_sent = false;  // L9
  friend bool operator==(const FileRecord&, const FileRecord&) = default;

  const ProviderEntry* find(tie::FileProvider provider) const;
  // kNotSet when there is no entry.
  tie::TrustLevel level(tie::FileProvider provider) const;
};

inline constexpr std::size_t kMaxNames = 100;
inline constexpr std::int64_t kSecondsPerDay = 24 * 60 * 60;

// The entry of a provider, made (with level kNotSet) in its sorted place if it is not there.
ProviderEntry& entry_of(FileRecord& record, tie::FileProvider provider);
void remove_entry(FileRecord& record, tie::FileProvider provider);
// Empty and known names, and names beyond kMaxNames, change nothing.
void add_name(FileRecord& record, std::string_view name);
// Marks the record as used on the day of `now`; false if it was marked already.
bool touch(FileRecord& record, std::int64_t now);
// Whether every provider has the same level in both; an absent entry counts as kNotSet.
bool same_levels(const FileRecord& left, const FileRecord& right);

}  // namespace tiara::reputation
