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
#include "tie/metadata.hpp"
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
dxl::Result<FileMetadata> decode_file_metadata(std::string_view payload);
void append_file_metadata(const FileMetadata& metadata, std::string& out);

// Metadata of a certificate (§3.9).
inline constexpr std::size_t kMaxSerialBytes = 64;  // X.509 allows 20
dxl::Result<CertMetadata> decode_cert_metadata(std::string_view payload);
void append_cert_metadata(const CertMetadata& metadata, std::string& out);

}  // namespace tie
