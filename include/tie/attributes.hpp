// Typed readings of the attributes of an entry (TIE reference §5). What is missing or cannot be
// read is nullopt; ids that are not named here stay in Reputation::attributes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

// Ids as the original clients' constants name them. `attribute_text(entry, kFilePrevalence)`.
inline constexpr std::uint32_t kFilePrevalence = 2101652;
inline constexpr std::uint32_t kFileFirstContact = 2102165;
inline constexpr std::uint32_t kFileEnterpriseSize = 2111893;
inline constexpr std::uint32_t kFileMinLocalRep = 2112148;
inline constexpr std::uint32_t kFileMaxLocalRep = 2112404;
inline constexpr std::uint32_t kFileAvgLocalRep = 2112660;
inline constexpr std::uint32_t kFileParentMinLocalRep = 2112916;
inline constexpr std::uint32_t kFileParentMaxLocalRep = 2113172;
inline constexpr std::uint32_t kFileParentAvgLocalRep = 2113428;
inline constexpr std::uint32_t kFileDetectionCount = 2113685;
inline constexpr std::uint32_t kFileLastDetectionTime = 2113942;
inline constexpr std::uint32_t kFileNameCount = 2114965;
inline constexpr std::uint32_t kFileIsPrevalent = 2123156;
inline constexpr std::uint32_t kFileParentFileReps = 2138264;
inline constexpr std::uint32_t kFileChildFileReps = 2138520;
inline constexpr std::uint32_t kFileSize = 2098277;  // probably: by its number alone
inline constexpr std::uint32_t kServerVersion = 2139285;
inline constexpr std::uint32_t kFirstStatistic = 2123412;  // ten ids without a public meaning
inline constexpr std::uint32_t kStatisticStep = 256;
inline constexpr std::size_t kStatistics = 10;

inline constexpr std::uint32_t kCertPrevalence = 2109333;
inline constexpr std::uint32_t kCertFirstContact = 2109589;
inline constexpr std::uint32_t kCertHasFileOverrides = 2122901;
inline constexpr std::uint32_t kCertIsPrevalent = 2125972;

inline constexpr std::uint32_t kGtiOriginalResponse = 2120340;
inline constexpr std::uint32_t kGtiFileFirstContact = 2101908;
inline constexpr std::uint32_t kGtiFilePrevalence = 2102421;
inline constexpr std::uint32_t kGtiCertFirstContact = 2109077;
inline constexpr std::uint32_t kGtiCertPrevalence = 2108821;
inline constexpr std::uint32_t kGtiCertRevoked = 2117524;
inline constexpr std::uint32_t kGtiCertOriginalResponse = 2120596;  // probably: the next number

inline constexpr std::uint32_t kAtdGamScore = 4194962;
inline constexpr std::uint32_t kAtdAvEngineScore = 4195218;
inline constexpr std::uint32_t kAtdSandboxScore = 4195474;
inline constexpr std::uint32_t kAtdVerdict = 4195730;
inline constexpr std::uint32_t kAtdBehaviors = 4197784;

// The value as it came; nullopt if the entry does not have it.
std::optional<std::string_view> attribute_text(const Reputation& entry, std::uint32_t id);
// Decimal text of 0 to 2^64 - 1.
std::optional<std::uint64_t> attribute_number(const Reputation& entry, std::uint32_t id);

// "3.0.0.480", packed into 64 bits (§5.5).
struct ServerVersion {
  std::uint8_t major = 0, minor = 0;
  std::uint16_t patch = 0;
  std::uint32_t build = 0;
  friend auto operator<=>(const ServerVersion&, const ServerVersion&) = default;
};
std::optional<ServerVersion> decode_server_version(std::string_view text);
std::string to_string(const ServerVersion& version);

// Levels of several files in one value (§5.5).
struct LevelAggregate {
  std::uint16_t count = 0, max = 0, min = 0, latest = 0;
  double average = 0;  // in steps of 0.01
  friend bool operator==(const LevelAggregate&, const LevelAggregate&) = default;
};
// Base64 of five numbers; what follows them is ignored.
std::optional<LevelAggregate> decode_level_aggregate(std::string_view base64);

// Versions in metadata (§3.8): "6.1" and "170.0.0.1".
struct OsVersion {
  std::uint32_t major = 0, minor = 0;
  friend auto operator<=>(const OsVersion&, const OsVersion&) = default;
};
std::optional<OsVersion> decode_os_version(std::string_view text);
using ContentVersion = std::array<std::uint16_t, 4>;  // most significant first
std::optional<ContentVersion> decode_content_version(std::string_view text);

// "465:1a200;5a5:20" (§5.6): keys and values in the order of the text. Nullopt if a pair is not
// one.
using ProfilerFlags = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
std::optional<ProfilerFlags> decode_profiler_flags(std::string_view text);
inline constexpr std::uint32_t kProfilerFileSize = 0x465;

// "127.129.0.128": how the cloud's raw answer is written in its own name service.
std::string to_dotted(std::uint32_t gti_response);

// Levels of a sandbox, which count in the other direction (§4.4). Open.
enum class AtdTrustLevel : std::int32_t {
  kNotSet = -2,
  kKnownTrusted = -1,
  kMostLikelyTrusted = 0,
  kMightBeTrusted = 1,
  kUnknown = 2,
  kMightBeMalicious = 3,
  kMostLikelyMalicious = 4,
  kKnownMalicious = 5,
};
TrustLevel to_trust_level(AtdTrustLevel level);  // kNotSet for a number outside the list
std::string to_string(AtdTrustLevel level);      // "MIGHT_BE_MALICIOUS", or the number

// Provider 3. Times are seconds since 1970 UTC.
struct FileEnterpriseAttributes {
  std::optional<std::uint64_t> prevalence, enterprise_size, detection_count, file_name_count;
  std::optional<std::int64_t> first_contact, last_detection_time;
  std::optional<std::uint64_t> min_local_rep, max_local_rep, avg_local_rep;
  std::optional<std::uint64_t> parent_min_local_rep, parent_max_local_rep, parent_avg_local_rep;
  std::optional<bool> is_prevalent;
  std::optional<LevelAggregate> parent_file_reps, child_file_reps;
  std::optional<std::uint64_t> file_size;  // probably, see kFileSize
  std::array<std::optional<std::uint64_t>, kStatistics> statistics{};
  std::optional<ServerVersion> server_version;
  friend bool operator==(const FileEnterpriseAttributes&,
                         const FileEnterpriseAttributes&) = default;
};
FileEnterpriseAttributes decode_file_enterprise(const Reputation& entry);

// Provider 4.
struct CertEnterpriseAttributes {
  std::optional<std::uint64_t> prevalence;
  std::optional<std::int64_t> first_contact;
  std::optional<bool> has_file_overrides;  // use the files' own reputations then (§6.5)
  std::optional<bool> is_prevalent;
  std::optional<ServerVersion> server_version;
  friend bool operator==(const CertEnterpriseAttributes&,
                         const CertEnterpriseAttributes&) = default;
};
CertEnterpriseAttributes decode_cert_enterprise(const Reputation& entry);

// Providers 1 and 2.
struct GtiAttributes {
  std::optional<std::uint32_t> original_response;
  std::optional<std::int64_t> first_contact;
  std::optional<std::uint64_t> prevalence;
  std::optional<bool> revoked;  // of certificates
  friend bool operator==(const GtiAttributes&, const GtiAttributes&) = default;
};
GtiAttributes decode_file_gti(const Reputation& entry);
GtiAttributes decode_cert_gti(const Reputation& entry);

// Provider 5.
struct AtdAttributes {
  std::optional<AtdTrustLevel> gam_score, av_engine_score, sandbox_score, verdict;
  std::optional<std::string> behaviors;  // as it came: its form is not public
  friend bool operator==(const AtdAttributes&, const AtdAttributes&) = default;
};
AtdAttributes decode_atd(const Reputation& entry);

}  // namespace tie
#pragma GCC visibility pop
