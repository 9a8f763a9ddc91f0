// What the service keeps about one file or one certificate: values, versioned on disk by src/store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reputation/level_aggregate.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::reputation {

// One provider's verdict. GTI and Enterprise always exist in answers, others only after a report.
struct ProviderEntry {
  tie::Provider provider = tie::Provider::kGti;
  tie::TrustLevel trust_level = tie::TrustLevel::kNotSet;
  std::int64_t create_date = 0;
  std::string comment;
  // As sent by the provider (the sandbox, §5.4); ids ascending.
  std::vector<std::pair<std::string, std::string>> attributes{};
  friend bool operator==(const ProviderEntry&, const ProviderEntry&) = default;
};

// What endpoints told about a file (§3.8). Empty texts: not known.
struct FileDetails {
  bool described = false;          // metadata was stored: submitMetaData (§6.9)
  std::vector<std::string> paths;  // distinct, oldest first; at most kMaxPaths
  std::optional<std::uint64_t> size;
  std::optional<std::int64_t> signed_bits;
  std::optional<std::int64_t> latest_rule_id;
  std::string version, company_name, product_name, product_version, profiler_flags;

  // Levels computed on systems, before asking the user, of the files that created it, of those it
  // created.
  LevelAggregate local, prompted, parents, children;
  std::int64_t local_time = 0;  // of the latest local level; 0 = none

  std::uint64_t detection_count = 0;
  std::int64_t last_detection = 0;
  std::string last_detection_name;
  friend bool operator==(const FileDetails&, const FileDetails&) = default;
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
  // The first certificate named as its signer; a later different one is not believed.
  std::optional<tie::Certificate> signer{};
  FileDetails details{};
  friend bool operator==(const FileRecord&, const FileRecord&) = default;

  const ProviderEntry* find(tie::Provider provider) const;
  // kNotSet when there is no entry.
  tie::TrustLevel level(tie::Provider provider) const;
};

// What endpoints told about a certificate (§3.9).
struct CertDetails {
  bool described = false;
  std::string algorithm, subject_name, subject, issuer, issuer_dn;
  std::string serial_number;  // raw bytes
  std::optional<tie::Sha1> issuer_sha1, issuer_public_key_sha1;
  std::optional<std::int64_t> valid_from, valid_to;
  friend bool operator==(const CertDetails&, const CertDetails&) = default;
};

struct CertRecord {
  tie::Certificate
      certificate;  // the public key's digest once learned; a later one is ignored (L23)
  std::vector<ProviderEntry> entries;
  std::int64_t first_contact = 0;  // attribute 2109589
  std::int64_t created = 0;
  std::int64_t last_used = 0;
  std::uint64_t reference_count = 0;  // attribute 2109333
  bool prevalent = false;
  CertDetails details{};
  friend bool operator==(const CertRecord&, const CertRecord&) = default;

  const ProviderEntry* find(tie::Provider provider) const;
  tie::TrustLevel level(tie::Provider provider) const;
};

inline constexpr std::size_t kMaxNames = 100;
inline constexpr std::size_t kMaxPaths = 20;
inline constexpr std::int64_t kSecondsPerDay = 24 * 60 * 60;

// The entry of a provider, made (with level kNotSet) in its sorted place if it is not there.
ProviderEntry& entry_of(std::vector<ProviderEntry>& entries, tie::Provider provider);
void remove_entry(std::vector<ProviderEntry>& entries, tie::Provider provider);
// Empty and known names, and names beyond kMaxNames, change nothing.
void add_name(FileRecord& record, std::string_view name);
// As add_name(), up to kMaxPaths.
void add_path(FileDetails& details, std::string_view path);
// Keeps the first certificate named as a file's signer, and the first public key named for a
// certificate. False: what is given contradicts what is kept, and is not believed (L23).
bool learn_signer(FileRecord& record, const std::optional<tie::Certificate>& signer);
bool learn_key(tie::Certificate& certificate, const std::optional<tie::Sha1>& public_key_sha1);
// Marks a record as used on the day of `now`; false if it was marked already.
bool touch(std::int64_t& last_used, std::int64_t now);
// Whether every provider has the same level in both; an absent entry counts as kNotSet.
bool same_levels(const std::vector<ProviderEntry>& left, const std::vector<ProviderEntry>& right);

}  // namespace tiara::reputation
