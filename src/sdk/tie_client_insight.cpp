// tie::Client: what goes beyond levels: file info and search, the effective level explained, and
// history.
#include <algorithm>
#include <chrono>

#include "sdk/tie_ask.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using tiara::sdk::ask_to_read;
using tiara::sdk::check_hashes;
using tiara::sdk::check_limit;
using tiara::sdk::read_answer;

milliseconds left_until(Clock::time_point deadline) {
  return std::max(milliseconds(1),
                  std::chrono::duration_cast<milliseconds>(deadline - Clock::now()));
}

// Where the service cannot explain, its answers to lookups can be explained here.
bool cannot_explain(const dxl::Error& error) {
  return tiara::sdk::is_unrouted(error) || error.peer_code == dxl::kNotAuthorisedToSend ||
         error.code == dxl::ErrorCode::kTimedOut ||
         (error.code == dxl::ErrorCode::kPeer &&
          error.peer_code == static_cast<std::uint32_t>(ServiceError::kNotSupported));
}

dxl::Result<Explanation> ask_to_explain(dxl::Client& client, const ExplainRequest& request,
                                        milliseconds timeout) {
  std::string payload;
  append_explain_request(request, payload);
  return read_answer(kTopicExplain, ask_to_read(client, kTopicExplain, payload, timeout),
                     decode_explanation);
}

dxl::Result<std::vector<HistoryEntry>> ask_history(dxl::Client& client,
                                                   const HistoryRequest& request,
                                                   milliseconds timeout) {
  if (const auto valid = check_limit("limit", request.limit, kMaxHistoryEntries); !valid)
    return dxl::fail(valid.error());
  std::string payload;
  append_history_request(request, payload);
  return read_answer(kTopicHistory, ask_to_read(client, kTopicHistory, payload, timeout),
                     decode_history_entries);
}

}  // namespace

dxl::Result<std::vector<FileInfo>> Client::get_file_info(std::span<const FileHashes> files) {
  if (const auto valid =
          check_limit("number of files", static_cast<std::int64_t>(files.size()), kMaxInfoFiles);
      !valid)
    return dxl::fail(valid.error());
  for (const FileHashes& hashes : files)
    if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  std::string payload;
  append_get_file_info({files.begin(), files.end()}, payload);
  return read_answer(kTopicFileInfo, ask_to_read(client_, kTopicFileInfo, payload, timeout_),
                     decode_file_infos);
}

dxl::Result<std::vector<FileInfo>> Client::search_files(const std::string& text,
                                                        std::int64_t rows) {
  if (const auto valid = check_limit("rows", rows, kMaxSearchRows); !valid)
    return dxl::fail(valid.error());
  std::string payload;
  append_search_files({.text = text, .rows = rows}, payload);
  return read_answer(kTopicFileSearch, ask_to_read(client_, kTopicFileSearch, payload, timeout_),
                     decode_file_infos);
}

dxl::Result<Explanation> Client::explain(const FileHashes& hashes,
                                         const std::optional<Certificate>& signer) {
  if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  // Half of the time is kept for the lookups: a fabric may drop what it does not know in silence.
  const auto deadline = Clock::now() + timeout_;
  auto told = ask_to_explain(client_, {.file = hashes}, timeout_ / 2);
  if (told || !cannot_explain(told.error())) return told;
  const auto file = with_timeout(left_until(deadline)).get_file_reputation(hashes);
  if (!file) return dxl::fail(file.error());
  if (!signer) return explain_file(*file);
  const auto certificate = with_timeout(left_until(deadline)).get_certificate_reputation(*signer);
  if (!certificate) return dxl::fail(certificate.error());
  return explain_file(*file, &*certificate);
}

dxl::Result<Explanation> Client::explain(const Certificate& certificate) {
  const auto deadline = Clock::now() + timeout_;
  auto told = ask_to_explain(client_, {.certificate = certificate}, timeout_ / 2);
  if (told || !cannot_explain(told.error())) return told;
  const auto levels = with_timeout(left_until(deadline)).get_certificate_reputation(certificate);
  if (!levels) return dxl::fail(levels.error());
  return explain_certificate(*levels);
}

dxl::Result<std::vector<HistoryEntry>> Client::get_history(const FileHashes& hashes,
                                                           std::int64_t limit) {
  if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  return ask_history(client_, {.file = hashes, .limit = limit}, timeout_);
}

dxl::Result<std::vector<HistoryEntry>> Client::get_history(const Certificate& certificate,
                                                           std::int64_t limit) {
  return ask_history(client_, {.certificate = certificate, .limit = limit}, timeout_);
}

}  // namespace tie
