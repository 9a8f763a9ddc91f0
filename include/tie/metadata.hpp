// What an endpoint tells about a file or a certificate (TIE reference §3.8, §3.9), when an answer
// said `submit_metadata` or when it acted on a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tie/hash.hpp"
#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

// Empty texts and nullopts are left out. Levels are 0 to 100. A service cuts texts to 500
// characters.
struct FileMetadata {
  FileHashes hashes;
  std::string agent_guid;
  std::string name, path, version, company_name, product_name, product_version, profiler_flags;
  std::string detection_name;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> file_type;
  std::optional<std::int64_t> signed_bits;
  std::optional<std::int64_t> local_rep, pre_prompt_local_rep, local_rep_rule_id;
  std::optional<Sha1> parent_sha1, actor_sha1;
  std::optional<std::int64_t> parent_local_rep, actor_local_rep;
  std::optional<Certificate> signer;
  std::int64_t remediation = 0;  // not 0: a detection (L21)
  bool is_process = false;       // objectType 4: not aggregated (§6.9)
  friend bool operator==(const FileMetadata&, const FileMetadata&) = default;
};

struct CertMetadata {
  Certificate certificate;
  std::string algorithm, subject_name, subject, issuer, issuer_dn;
  std::string serial_number;  // raw bytes
  std::optional<Sha1> issuer_sha1, issuer_public_key_sha1;
  std::optional<std::int64_t> valid_from, valid_to;
  friend bool operator==(const CertMetadata&, const CertMetadata&) = default;
};

}  // namespace tie
#pragma GCC visibility pop
