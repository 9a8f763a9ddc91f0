#include "service/report_log.hpp"

#include <vector>

#include <absl/container/flat_hash_map.h>

namespace tiara::service {
namespace {

constexpr std::size_t kMaxIdBytes = 256;

// The sender is part of the key, so that nobody can overwrite the outcome of another's report.
std::string key_of(std::string_view sender, std::string_view message_id) {
  std::string key(sender);
  key += '\0';
  key += message_id;
  return key;
}

}  // namespace

struct ReportLog::Impl {
  std::size_t kept;
  std::vector<std::string> ring;  // keys, oldest at `next` once full
  std::size_t next = 0;
  absl::flat_hash_map<std::string, tie::ReportOutcome> outcomes;
};

ReportLog::ReportLog(std::size_t kept) : impl_(std::make_unique<Impl>()) { impl_->kept = kept; }
ReportLog::~ReportLog() = default;

void ReportLog::add(std::string_view sender, std::string_view message_id,
                    tie::ReportOutcome outcome) {
  if (sender.empty() || message_id.empty()) return;
  if (sender.size() > kMaxIdBytes || message_id.size() > kMaxIdBytes) return;
  Impl& log = *impl_;
  std::string key = key_of(sender, message_id);
  if (!log.outcomes.insert_or_assign(key, std::move(outcome)).second) return;
  if (log.ring.size() < log.kept) {
    log.ring.push_back(std::move(key));
    return;
  }
  log.outcomes.erase(log.ring[log.next]);
  log.ring[log.next] = std::move(key);
  log.next = (log.next + 1) % log.kept;
}

tie::ReportOutcome ReportLog::find(std::string_view sender, std::string_view message_id) const {
  const auto at = impl_->outcomes.find(key_of(sender, message_id));
  if (sender.empty() || at == impl_->outcomes.end())
    return tie::ReportOutcome{.outcome = "unknown", .reason = {}, .time = 0};
  return at->second;
}

tie::ReportOutcome ReportLog::find_from_anybody(std::string_view message_id) const {
  const std::string end = key_of({}, message_id);
  for (const auto& [key, outcome] : impl_->outcomes)
    if (key.ends_with(end)) return outcome;
  return tie::ReportOutcome{.outcome = "unknown", .reason = {}, .time = 0};
}

}  // namespace tiara::service
