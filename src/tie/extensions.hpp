// Payloads of our extensions to TIE (extensions.md), both ways: batches, explain, history, outcome
// of a report. Rules of decoding requests as in requests.hpp, of answers as in answers.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "tie/explanation.hpp"
#include "tie/hash.hpp"
#include "tie/history.hpp"
#include "tie/reputation.hpp"
#include "tie/rules.hpp"

namespace tie {

// Batches. An item that cannot be used keeps its place with its error; the payload as a whole is
// refused only if it is no object with an array `items` of at most kMaxBatchItems, or if scanType
// is no integer: a pure read must not become a counted one by mistake.
inline constexpr std::size_t kMaxBatchItems = 1'000;
struct BatchError {
  ServiceError code = ServiceError::kBadRequest;  // open: a peer may send others
  std::string message;
  friend bool operator==(const BatchError&, const BatchError&) = default;
};
struct BatchGetItem {
  // Exactly one of them, or an error.
  std::optional<FileHashes> file{};
  std::optional<Certificate> certificate{};
  std::optional<BatchError> error{};
  friend bool operator==(const BatchGetItem&, const BatchGetItem&) = default;
};
struct BatchGet {
  std::vector<BatchGetItem> items;
  std::optional<std::int64_t> scan_type{};
  friend bool operator==(const BatchGet&, const BatchGet&) = default;
};
dxl::Result<BatchGet> decode_batch_get(std::string_view payload);
void append_batch_get(const BatchGet& get, std::string& out);

// `type` and providerId must fit each other; either may be missing, and both mean a file's
// override.
struct BatchSetItem {
  Provider provider = Provider::kEnterprise;  // 3, 4 or 15
  TrustLevel trust_level = TrustLevel::kNotSet;
  FileHashes file;                           // of providers 3 and 15
  std::optional<Certificate> certificate{};  // of provider 4
  std::string filename, comment;
  FileType file_type = FileType::kNone;
  std::optional<BatchError> error{};
  friend bool operator==(const BatchSetItem&, const BatchSetItem&) = default;
};
dxl::Result<std::vector<BatchSetItem>> decode_batch_set(std::string_view payload);
void append_batch_set(const std::vector<BatchSetItem>& items, std::string& out);

// {"results":[…],"props":{"serverTime":…}}: open, then append_reputations() or
// append_batch_error() per item with append_batch_separator() before each, then close.
void append_batch_open(std::string& out);
void append_batch_separator(std::string& out);
void append_batch_error(const BatchError& error, std::string& out);
void append_batch_close(std::int64_t server_time, std::string& out);
struct BatchReputations {
  struct Item {
    Reputations reputations;  // empty beside an error
    std::optional<BatchError> error;
    friend bool operator==(const Item&, const Item&) = default;
  };
  std::vector<Item> items;
  std::int64_t server_time = 0;
};
dxl::Result<BatchReputations> decode_batch_reputations(std::string_view payload);

struct BatchOutcome {
  std::string outcome;  // "changed", "unchanged", "refused"
  std::string reason;
  friend bool operator==(const BatchOutcome&, const BatchOutcome&) = default;
};
void append_batch_outcomes(const std::vector<BatchOutcome>& outcomes, std::string& out);
dxl::Result<std::vector<BatchOutcome>> decode_batch_outcomes(std::string_view payload);

// Explain: the request is a lookup's. Only "type":"cert" names a certificate: a lone sha1 does not.
struct ExplainRequest {
  std::optional<FileHashes> file{};
  std::optional<Certificate> certificate{};
  friend bool operator==(const ExplainRequest&, const ExplainRequest&) = default;
};
dxl::Result<ExplainRequest> decode_explain(std::string_view payload);
void append_explain_request(const ExplainRequest& request, std::string& out);
void append_explanation(const Explanation& explanation, std::string& out);
dxl::Result<Explanation> decode_explanation(std::string_view payload);

// History.
struct HistoryRequest {
  std::optional<FileHashes> file{};
  std::optional<Certificate> certificate{};
  std::int64_t limit = 100;  // clamped to 1..kMaxHistoryEntries
  friend bool operator==(const HistoryRequest&, const HistoryRequest&) = default;
};
dxl::Result<HistoryRequest> decode_history(std::string_view payload);
void append_history_request(const HistoryRequest& request, std::string& out);
// With "truncated": true if the last entries would make it longer than a message can be.
void append_history(const std::vector<HistoryEntry>& entries, std::string& out);
dxl::Result<std::vector<HistoryEntry>> decode_history_entries(std::string_view payload);

// Outcome of a report.
struct ReportOutcome {
  std::string outcome;  // "accepted", "unchanged", "refused", "unknown"
  std::string reason{};
  std::int64_t time = 0;
  friend bool operator==(const ReportOutcome&, const ReportOutcome&) = default;
};
void append_outcome_request(std::string_view message_id, std::string& out);
dxl::Result<std::string> decode_outcome_request(std::string_view payload);  // the message id
void append_outcome(const ReportOutcome& outcome, std::string& out);
dxl::Result<ReportOutcome> decode_outcome(std::string_view payload);

}  // namespace tie
