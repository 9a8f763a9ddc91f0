// TIE payloads as JSON text (TIE reference §1, §3): strict bounded decoding, writing into a reused
// buffer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tie {

// Topics (§2).
inline constexpr std::string_view kTopicFileReputation = "/mcafee/service/tie/file/reputation";
inline constexpr std::string_view kTopicFileReputationSet =
    "/mcafee/service/tie/file/reputation/set";
inline constexpr std::string_view kTopicCertReputationSet =
    "/mcafee/service/tie/cert/reputation/set";
inline constexpr std::string_view kTopicFileChangeBroadcast =
    "/mcafee/event/tie/file/repchange/broadcast";
inline constexpr std::string_view kTopicFileChange = "/mcafee/event/tie/file/repchange";
inline constexpr std::string_view kTopicFileFirstInstance = "/mcafee/event/tie/file/firstinstance";
inline constexpr std::string_view kTopicFilePrevalence = "/mcafee/event/tie/file/prevalence";
inline constexpr std::string_view kTopicExternalReport = "/mcafee/event/external/file/report";
inline constexpr std::string_view kTopicReportOutcome = "/opendxl-tiara/service/tie/report/outcome";
inline constexpr std::string_view kTopicFabricAuthorization =
    "/opendxl-tiara/service/fabric/authorization";

// Limits of every JSON payload from a peer (§12.2, L14).
inline constexpr std::size_t kMaxPayloadBytes = 1024 * 1024;
inline constexpr std::size_t kMaxStringBytes = 64 * 1024;
inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxNameCharacters =
    500;  // names, paths and comments are cut, not refused
// What an answer or a change event may hold; the original has 5 providers and 26 attributes.
inline constexpr std::size_t kMaxReputationEntries = 64;
inline constexpr std::size_t kMaxAttributes = 1024;  // of one provider

// Service error codes (§1.6). A failed decode carries one in Error::peer_code.
enum class ServiceError : std::uint32_t {
  kBadRequest = 1,
  kBadHashes = 2,
  kBadTrustLevel = 3,
  kBadProvider = 4,
  kBadParameter = 5,
  kNotAuthorised = 6,
  kTooManyRequests = 7,
  kUnavailable = 8,
  kNotSupported = 9,
};

struct GetFileReputation {
  FileHashes hashes;
  std::optional<std::int64_t> scan_type;  // 3 marks an API client: a pure read (L4)
  std::optional<std::int64_t> file_type;
  std::string agent_guid;  // empty if absent
};
struct SetFileReputation {
  FileHashes hashes;
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::string filename;
  std::string comment;
};

// Why an External report is dropped (§3.15); to_string gives the counter's and log's name.
enum class ReportRefusal : std::uint8_t {
  kDisabled,
  kUnauthorized,
  kMalformed,
  kProvider,
  kLevel,
  kHashes,
  kFilename
};
std::string_view to_string(ReportRefusal refusal);

// Decoders for the service side. Trailing NULs and white space are stripped in any order (§1.3).
// Absent and null are the same. kMalformed (or kLimitExceeded) with a ServiceError in peer_code;
// of several mistakes kBadRequest comes first, then level, provider, hashes.
dxl::Result<GetFileReputation> decode_get_file_reputation(std::string_view payload);
dxl::Result<SetFileReputation> decode_set_file_reputation(std::string_view payload);
// peer_code holds the ReportRefusal: kMalformed, kProvider, kLevel or kHashes, in this order. An
// empty file name is accepted here; refusing it is a setting (L2).
dxl::Result<ExternalReport> decode_external_report(std::string_view payload);

// Encoders for the client side, byte for byte in the member order of the Python client, compact.
void append_get_file_reputation(const FileHashes& hashes, std::string& out);  // with scanType 3
void append_set_file_reputation(const SetFileReputation& set, std::string& out);
void append_external_report(const ExternalReport& report, std::string& out);

// Answers and events.
void append_reputations(const Reputations& reputations,
                        std::string& out);  // {"reputations":[…],"props":{…}}
struct ChangeEventExtras {
  std::uint64_t change_id = 0;  // extensions.md: strictly increasing, no holes; 0 = leave out
  std::int32_t cause_provider = 0;
  std::string_view cause_kind;  // "enterprise", "external", …; empty = leave the cause out
};
void append_file_change(const FileReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out);
// Forgiving where the original clients are: `reputations`, `props`, attributes, levels and dates
// may be missing, providers may be unknown, and of a provider given twice the last entry counts. A
// change without a usable hash is an error.
dxl::Result<Reputations> decode_reputations(std::string_view payload);
dxl::Result<FileReputationChange> decode_file_change(std::string_view payload);

// First-instance and prevalence events (§3.13, §3.14).
void append_first_instance(const FileHashes& hashes, std::string_view agent_guid,
                           std::string_view name, std::string& out);
void append_prevalence(const FileHashes& hashes, std::string_view agent_guid,
                       std::int64_t agent_first_reference, std::uint64_t enterprise_count,
                       bool prevalent, std::string& out);

// Outcome of a report (extensions.md).
struct ReportOutcome {
  std::string outcome;  // "accepted", "unchanged", "refused", "unknown"
  std::string reason{};
  std::int64_t time = 0;
};
void append_outcome_request(std::string_view message_id, std::string& out);
dxl::Result<std::string> decode_outcome_request(std::string_view payload);  // the message id
void append_outcome(const ReportOutcome& outcome, std::string& out);
dxl::Result<ReportOutcome> decode_outcome(std::string_view payload);

// Server version attribute (§5.5).
std::uint64_t pack_version(std::uint8_t major, std::uint8_t minor, std::uint16_t patch,
                           std::uint32_t build);

}  // namespace tie
