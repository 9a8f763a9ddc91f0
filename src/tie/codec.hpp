// TIE payloads as JSON text (TIE reference §1, §3): strict bounded decoding, writing into a reused
// buffer.
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

namespace tie {

// Topics (§2).
inline constexpr std::string_view kTopicFileReputation = "/mcafee/service/tie/file/reputation";
inline constexpr std::string_view kTopicFileReputationSet =
    "/mcafee/service/tie/file/reputation/set";
inline constexpr std::string_view kTopicFileAgents = "/mcafee/service/tie/file/agents";
inline constexpr std::string_view kTopicCertReputation = "/mcafee/service/tie/cert/reputation";
inline constexpr std::string_view kTopicCertReputationSet =
    "/mcafee/service/tie/cert/reputation/set";
inline constexpr std::string_view kTopicCertAgents = "/mcafee/service/tie/cert/agents";
inline constexpr std::string_view kTopicUpdates = "/mcafee/service/tie/reputation/updates";
inline constexpr std::string_view kTopicFileMetadata = "/mcafee/service/tie/file/update_metadata";
inline constexpr std::string_view kTopicCertMetadata = "/mcafee/service/tie/cert/update_metadata";
inline constexpr std::string_view kTopicFileInfo = "/mcafee/service/tie/file/info";
inline constexpr std::string_view kTopicFileSearch = "/mcafee/service/tie/file/search";
inline constexpr std::string_view kTopicCertChangeBroadcast =
    "/mcafee/event/tie/cert/repchange/broadcast";
inline constexpr std::string_view kTopicCertChange = "/mcafee/event/tie/cert/repchange";
inline constexpr std::string_view kTopicFileDetection = "/mcafee/event/tie/file/detection";
inline constexpr std::string_view kTopicSandboxReport = "/mcafee/event/atd/file/report";
inline constexpr std::string_view kTopicBatchGet = "/opendxl-tiara/service/tie/reputations";
inline constexpr std::string_view kTopicBatchSet = "/opendxl-tiara/service/tie/reputations/set";
inline constexpr std::string_view kTopicExplain = "/opendxl-tiara/service/tie/explain";
inline constexpr std::string_view kTopicHistory = "/opendxl-tiara/service/tie/history";
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
  // certSha1 with certPublicKeySha1; a public key without a certificate names no signer (L23).
  std::optional<Certificate> signer{};
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

// Certificates: one sha1, and publicKeySha1 (certPublicKeySha1 is accepted too).
struct GetCertReputation {
  Certificate certificate;
  std::optional<std::int64_t> scan_type;
  std::string agent_guid;
};
struct SetCertReputation {
  Certificate certificate;
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::string comment;
};
dxl::Result<GetCertReputation> decode_get_cert_reputation(std::string_view payload);
dxl::Result<SetCertReputation> decode_set_cert_reputation(std::string_view payload);

// First references. The limit is clamped to 1..kMaxQueryLimit (L10); nullopt: the setting decides.
inline constexpr std::int64_t kMaxQueryLimit = 5'000;
struct GetFileAgents {
  FileHashes hashes;
  std::optional<std::int64_t> query_limit;
};
struct GetCertAgents {
  Certificate certificate;
  std::optional<std::int64_t> query_limit;
};
dxl::Result<GetFileAgents> decode_get_file_agents(std::string_view payload);
dxl::Result<GetCertAgents> decode_get_cert_agents(std::string_view payload);

// Updates (§3.7, L22). `since` below 0 becomes 0.
struct GetUpdates {
  std::int64_t since = 0;
  std::optional<std::int64_t> query_limit;  // clamped as above
  std::optional<bool> targeted;
  // targetTypes: which classes are wanted, and which type of digest. Without it both are, with the
  // default order of types.
  bool files = true;
  bool certificates = true;
  enum class FileType : std::uint8_t { kAny, kMd5, kSha1, kSha256 } file_type = FileType::kAny;
};
dxl::Result<GetUpdates> decode_get_updates(std::string_view payload);

// Metadata of a file (§3.8). Texts are cut to kMaxNameCharacters, absent ones empty; levels outside
// 0..100 are mistakes.
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
};
dxl::Result<FileMetadata> decode_file_metadata(std::string_view payload);

// Metadata of a certificate (§3.9).
struct CertMetadata {
  Certificate certificate;
  std::string algorithm, subject_name, subject, issuer, issuer_dn;
  std::string serial_number;  // raw bytes
  std::optional<Sha1> issuer_sha1, issuer_public_key_sha1;
  std::optional<std::int64_t> valid_from, valid_to;
};
dxl::Result<CertMetadata> decode_cert_metadata(std::string_view payload);

// A sandbox's verdict (§3.16) in TIE terms: level by §4.4, engine severities as attributes of
// provider 5 (§5.4). An upper-case hexadecimal digest that is missing or "Not Available" is absent.
struct SandboxReport {
  FileHashes hashes;
  TrustLevel trust_level = TrustLevel::kNotSet;  // kNotSet removes the entry
  std::string filename;
  std::optional<std::uint64_t> size;
  std::vector<std::pair<std::string, std::string>> attributes;
};
// peer_code holds a ReportRefusal as for External reports.
dxl::Result<SandboxReport> decode_sandbox_report(std::string_view payload);

// File info and search (§3.10).
inline constexpr std::size_t kMaxInfoFiles = 1'000;
inline constexpr std::int64_t kMaxSearchRows = 1'000;
dxl::Result<std::vector<FileHashes>> decode_get_file_info(std::string_view payload);
struct SearchFiles {
  std::string text;
  std::int64_t rows = 100;  // clamped to 1..kMaxSearchRows
};
dxl::Result<SearchFiles> decode_search_files(std::string_view payload);
struct FileInfo;  // file_info.hpp
void append_file_infos(const std::vector<FileInfo>& infos, std::string& out);

// Batches (extensions.md). An item that cannot be used keeps its place with its error; the payload
// as a whole is refused only if it is no object with an array `items` of at most kMaxBatchItems.
inline constexpr std::size_t kMaxBatchItems = 1'000;
struct BatchError {
  ServiceError code = ServiceError::kBadRequest;
  std::string message;
};
struct BatchGetItem {
  // Exactly one of them, or an error.
  std::optional<FileHashes> file;
  std::optional<Certificate> certificate;
  std::optional<BatchError> error;
};
struct BatchGet {
  std::vector<BatchGetItem> items;
  std::optional<std::int64_t> scan_type;
};
struct BatchSetItem {
  Provider provider = Provider::kEnterprise;  // 3, 4 or 15
  TrustLevel trust_level = TrustLevel::kNotSet;
  FileHashes file;                         // of providers 3 and 15
  std::optional<Certificate> certificate;  // of provider 4
  std::string filename, comment;
  FileType file_type = FileType::kNone;
  std::optional<BatchError> error;
};
dxl::Result<BatchGet> decode_batch_get(std::string_view payload);
dxl::Result<std::vector<BatchSetItem>> decode_batch_set(std::string_view payload);
// {"results":[…],"props":{"serverTime":…}}: open, then append_reputations() or
// append_batch_error() per item with append_batch_separator() before each, then close.
void append_batch_open(std::string& out);
void append_batch_separator(std::string& out);
void append_batch_error(const BatchError& error, std::string& out);
void append_batch_close(std::int64_t server_time, std::string& out);
struct BatchOutcome {
  std::string outcome;  // "changed", "unchanged", "refused"
  std::string reason;
};
void append_batch_outcomes(const std::vector<BatchOutcome>& outcomes, std::string& out);

// Explain (extensions.md): the request is a lookup's, with "type":"cert" or a lone sha1 and no
// other digest never taken for a certificate.
struct ExplainRequest {
  std::optional<FileHashes> file;
  std::optional<Certificate> certificate;
};
dxl::Result<ExplainRequest> decode_explain(std::string_view payload);
struct ExplainStep {
  int step = 0;  // of TIE reference §6.2; 0: the External rule
  std::string rule;
  bool matched = false;
  std::string detail;
};
struct Explanation {
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::optional<Provider> provider;  // nullopt: latest local level, or nothing
  int step = 0;
  std::vector<ExplainStep> steps;
};
void append_explanation(const Explanation& explanation, std::string& out);

// History (extensions.md).
inline constexpr std::int64_t kMaxHistoryEntries = 1'000;
struct HistoryRequest {
  std::optional<FileHashes> file;
  std::optional<Certificate> certificate;
  std::int64_t limit = 100;  // clamped to 1..kMaxHistoryEntries
};
dxl::Result<HistoryRequest> decode_history(std::string_view payload);
struct HistoryEntry {
  std::int64_t time = 0;
  Provider provider = Provider::kEnterprise;
  TrustLevel old_level = TrustLevel::kNotSet, new_level = TrustLevel::kNotSet;
  std::string comment;
  std::string kind;  // as in change events' cause
  std::string actor_certificate, actor_name, actor_client_id;
};
void append_history(const std::vector<HistoryEntry>& entries, std::string& out);

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
// Relationships, change id and cause as in append_file_change(). An answer's `overridden` goes to
// the Enterprise entry and to the top (§3.4); append_reputations() writes it if it is set.
void append_cert_change(const CertificateReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out);
dxl::Result<CertificateReputationChange> decode_cert_change(std::string_view payload);
void append_first_references(const FirstReferences& references, std::string& out);
dxl::Result<FirstReferences> decode_first_references(std::string_view payload);

// Updates: one digest per file, in the wanted type or the first of SHA-1, MD5, SHA-256.
struct Updates {
  std::vector<FileHashes> files;
  std::vector<Sha1> certificates;
  std::int64_t latest_update_time = 0;
  bool more = false;             // props.queryLimitExceeded
  std::int64_t server_time = 0;  // only sent with it
};
void append_updates(const Updates& updates, const GetUpdates& request, std::string& out);
dxl::Result<Updates> decode_updates(std::string_view payload);

// First-instance and prevalence events (§3.13, §3.14).
void append_first_instance(const FileHashes& hashes, std::string_view agent_guid,
                           std::string_view name, std::string& out);
void append_prevalence(const FileHashes& hashes, std::string_view agent_guid,
                       std::int64_t agent_first_reference, std::uint64_t enterprise_count,
                       bool prevalent, std::string& out);
// Detection event (§3.12).
struct Detection {
  std::string agent_guid;
  FileHashes hashes;
  std::int64_t detection_time = 0;
  std::int64_t local_reputation = 0;
  std::int64_t remediation_action = 0;
  std::string name;  // left out if empty
};
void append_detection(const Detection& detection, std::string& out);

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
