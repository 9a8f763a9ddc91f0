// The vocabulary of reputations (TIE reference §3, §4): providers, trust levels, file types,
// answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dxl/result.hpp"
#include "tie/hash.hpp"

#pragma GCC visibility push(default)
namespace tie {

// The nine levels (§4.3). Open: a number outside the list is kept and printable.
enum class TrustLevel : std::int32_t {
  kNotSet = 0,
  kKnownMalicious = 1,
  kMostLikelyMalicious = 15,
  kMightBeMalicious = 30,
  kUnknown = 50,
  kMightBeTrusted = 70,
  kMostLikelyTrusted = 85,
  kKnownTrusted = 99,
  kKnownTrustedInstaller = 100,
};
bool is_known(TrustLevel level);
std::string to_string(TrustLevel level);  // "MIGHT_BE_TRUSTED", or "42" for an unknown number
// A number or a constant's name, any case.
dxl::Result<TrustLevel> parse_trust_level(std::string_view text);
// Neither 0 nor 50: what the set-external workflow calls a verdict (§6.3, §8).
bool is_definitive(TrustLevel level);

// Sources of levels (§4.2): FileProvider and CertProvider of the original clients in one, as their
// numbers never overlap. Open.
enum class Provider : std::int32_t {
  kGti = 1,
  kCertGti = 2,
  kEnterprise = 3,
  kCertEnterprise = 4,
  kAtd = 5,
  kMwg = 7,
  kExternal = 15
};
std::string to_string(Provider provider);

// Bit field of up to 33 bits (§4.9). Open; the 39 named values are those the original client
// accepts.
enum class FileType : std::uint64_t {
  kNone = 0,
  kCom = 1,
  kExe = 2,
  kDrv = 4,
  kBoot = 8,
  kPe = 16,
  kPeexe = 18,
  kVxd = 64,
  kDllNonPe = 128,
  kDll = 144,
  kWin = 272,
  kMzStub = 512,
  kNlm = 1024,
  kElf = 2048,
  kJs = 4096,
  kVbs = 8192,
  kScript = 12288,
  kOle = 16384,
  kPic = 65536,
  kText = 131072,
  kBat = 143360,
  kHtml = 262144,
  kHtmlText = 393216,
  kHta = 524288,
  kRtf = 1048576,
  kPdf = 2097152,
  kMmedia = 4194304,
  kUrl = 8388608,
  kSys = 16777232,
  kZip = 33587200,
  kCab = 67141632,
  kRarNoArc = 134217728,
  kRar = 134250496,
  kOoxml = 167772160,
  kOoxmlPk = 301989888,
  kMacho = 536870912,
  kApk = 1073741824,
  kClass = 2147483648,
  kJar = 4328554496,
};
bool is_known(FileType type);
std::string to_string(FileType type);  // "PEEXE", or the number
dxl::Result<FileType> parse_file_type(std::string_view text);
// From the first bytes of a file and its name; kNone when nothing fits. At least 4 KiB of `head` if
// there are as many.
FileType detect_file_type(std::string_view head, std::string_view file_name);

// One provider's entry of an answer. Attribute ids are decimal text, values text (§5); unknown ones
// are kept.
struct Reputation {
  Provider provider = Provider::kGti;
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::int64_t create_date = 0;  // seconds since 1970 UTC
  std::vector<std::pair<std::string, std::string>> attributes;
  friend bool operator==(const Reputation&, const Reputation&) = default;
};

// Files signed with a certificate whose own reputation must be used (§3.4).
struct OverriddenFiles {
  std::vector<FileHashes> files;
  bool truncated = false;  // there are more
  friend bool operator==(const OverriddenFiles&, const OverriddenFiles&) = default;
};

// An answer to a lookup, or one snapshot of a change event.
struct Reputations {
  std::vector<Reputation> entries;
  std::int64_t server_time = 0;  // props.serverTime; 0 if the peer sent none
  bool submit_metadata = false;  // props.submitMetaData
  // Of a certificate: files signed with it that carry an override (§3.4). Nullopt: the peer sent
  // none.
  std::optional<OverriddenFiles> overridden{};
  // The service wants the file itself for its sandbox (props.atdCandidate), sent to this "host;ip"
  // (props.masterServer).
  bool atd_candidate = false;
  std::string master_server{};
  const Reputation* find(Provider provider) const;
  // An entry with a definitive level of anybody but `provider`. External levels count only where
  // there is none: kExternal asks what the sender of a report should (§6.3).
  const Reputation* find_verdict_of_others(Provider provider) const;
  friend bool operator==(const Reputations&, const Reputations&) = default;
};

// A certificate, named by its SHA-1 alone (L23); the digest of its public key is an attribute.
struct Certificate {
  Sha1 sha1;
  std::optional<Sha1> public_key_sha1{};
  friend bool operator==(const Certificate&, const Certificate&) = default;
};

// What made a level change. Ours only (extensions.md).
struct ChangeCause {
  Provider provider = Provider::kGti;
  std::string kind;  // "enterprise", "external", "sandbox", "import", "merge", "retention"
  friend bool operator==(const ChangeCause&, const ChangeCause&) = default;
};

// A published change: complete snapshots before and after (§3.11).
struct FileReputationChange {
  FileHashes hashes;
  Reputations old_reputations;
  Reputations new_reputations;
  std::int64_t update_time = 0;
  std::optional<Certificate> signer{};  // relationships.certificate
  // Ours only (extensions.md): strictly increasing without holes; 0 if the peer sent none.
  std::uint64_t change_id = 0;
  std::optional<ChangeCause> cause{};
  friend bool operator==(const FileReputationChange&, const FileReputationChange&) = default;
};
struct CertificateReputationChange {
  Certificate certificate;
  Reputations old_reputations;
  Reputations new_reputations;
  std::int64_t update_time = 0;
  std::uint64_t change_id = 0;
  std::optional<ChangeCause> cause{};
  friend bool operator==(const CertificateReputationChange&,
                         const CertificateReputationChange&) = default;
};

// One system and the time of its first reference (§3.3).
struct FirstReference {
  std::string agent_guid;
  std::int64_t date = 0;
  friend bool operator==(const FirstReference&, const FirstReference&) = default;
};
struct FirstReferences {
  std::vector<FirstReference> agents;  // ascending by date, then by agent
  std::uint64_t total_count = 0;       // also beyond the limit
  friend bool operator==(const FirstReferences&, const FirstReferences&) = default;
};

// Third-party report (§3.15).
struct ExternalReport {
  FileHashes hashes;
  TrustLevel trust_level = TrustLevel::kNotSet;
  FileType file_type = FileType::kNone;
  std::string filename{};
  std::string comment{};
  friend bool operator==(const ExternalReport&, const ExternalReport&) = default;
};

}  // namespace tie
#pragma GCC visibility pop
