// What a service knows about one file, all in one (TIE reference §3.10). The vendor does not
// support it and may change it: every member may be missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tie/hash.hpp"
#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

// Nullopt: not known. Times are milliseconds since 1970 UTC, unlike everywhere else in TIE.
struct FileInfo {
  FileHashes hashes;
  std::optional<std::vector<std::string>> names;
  std::optional<std::uint64_t> size;
  std::optional<FileType> file_type;
  std::optional<std::string> version, company, product_name, product_version;
  std::optional<std::int64_t> signed_bits;
  std::optional<std::string> profiler_flags;
  std::optional<std::string> comment;  // of the override

  struct Level {
    std::optional<TrustLevel> level;
    std::optional<std::int64_t> last_refresh;
    friend bool operator==(const Level&, const Level&) = default;
  };
  Level enterprise, gti, atd, ctd, mwg;
  std::optional<Sha1> cert_sha1;  // the signer
  std::optional<TrustLevel> cert_enterprise, cert_gti, url;

  // " 099|2": the level and the provider that decided, as to_composite_text() writes it.
  std::optional<std::string> composite;

  std::optional<std::uint64_t> enterprise_count, detection_count, file_name_count, file_path_count,
      good_rep_count, bad_rep_count;
  std::optional<bool> prevalent;
  std::optional<std::int64_t> first_contact, first_reference, last_access, last_update;

  // Levels as systems computed them.
  struct Levels {
    std::optional<std::uint64_t> count;
    std::optional<std::int64_t> max, min, sum;
    friend bool operator==(const Levels&, const Levels&) = default;
  };
  Levels local, parent, prompt;
  std::optional<std::int64_t> local_latest;

  std::optional<std::vector<std::string>> file_parents, file_paths, file_rules;
  std::optional<std::int64_t> latest_rule_id;
  std::optional<std::string> last_detection_name;
  friend bool operator==(const FileInfo&, const FileInfo&) = default;
};

std::string to_composite_text(TrustLevel level, Provider provider);

}  // namespace tie
#pragma GCC visibility pop
