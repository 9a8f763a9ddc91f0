// What others tell the service: External reports, sandbox reports and metadata (TIE reference §3.8,
// §3.9, §3.15, §3.16), both ways where our client sends them. Rules of decoding as in requests.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dxl/result.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"
#include "tie/rules.hpp"

namespace tie {

// peer_code holds the ReportRefusal: kMalformed, kProvider, kLevel or kHashes, in this order. An
// empty file name is accepted here; refusing it is a setting (L2).
dxl::Result<ExternalReport> decode_external_report(std::string_view payload);
void append_external_report(const ExternalReport& report, std::string& out);

// A sandbox's verdict (§3.16) in TIE terms: level by §4.4, engine severities as attributes of
// provider 5 (§5.4), ids ascending. An upper-case hexadecimal digest that is missing or "Not
// Available" is absent.
struct SandboxReport {
  FileHashes hashes;
  TrustLevel trust_level = TrustLevel::kNotSet;  // kNotSet removes the entry
  std::string filename;
  std::optional<std::uint64_t> size;
  std::vector<std::pair<std::string, std::string>> attributes;
};
// peer_code holds a ReportRefusal as for External reports.
dxl::Result<SandboxReport> decode_sandbox_report(std::string_view payload);

// Metadata of a file (§3.8). Texts are cut to kMaxNameCharacters, absent ones empty; levels outside
// 0..100 are mistakes (kBadRequest).
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
dxl::Result<FileMetadata> decode_file_metadata(std::string_view payload);
void append_file_metadata(const FileMetadata& metadata, std::string& out);

// Metadata of a certificate (§3.9).
inline constexpr std::size_t kMaxSerialBytes = 64;  // X.509 allows 20
struct CertMetadata {
  Certificate certificate;
  std::string algorithm, subject_name, subject, issuer, issuer_dn;
  std::string serial_number;  // raw bytes
  std::optional<Sha1> issuer_sha1, issuer_public_key_sha1;
  std::optional<std::int64_t> valid_from, valid_to;
  friend bool operator==(const CertMetadata&, const CertMetadata&) = default;
};
dxl::Result<CertMetadata> decode_cert_metadata(std::string_view payload);
void append_cert_metadata(const CertMetadata& metadata, std::string& out);

}  // namespace tie
