#include "base/log_repeats.hpp"

#include <utility>

namespace tiara::base {

LogRepeats::Verdict LogRepeats::take(LogLevel level, std::string_view area, std::string_view event,
                                     std::string_view subject, Time now) {
  const std::lock_guard lock(mutex_);
  if (limit_ == 0) return {};
  std::string_view shown = subject.substr(0, kMaxSubjectBytes);
  std::string key = std::string(event).append(1, '\0').append(shown);
  if (kinds_.size() >= kMaxKinds && !kinds_.contains(key)) {
    shown = "(others)";
    key = std::string(event).append(1, '\0').append(shown);
  }
  const auto [at, is_new] = kinds_.try_emplace(std::move(key));
  Kind& kind = at->second;
  Verdict verdict;
  if (is_new || now - kind.began >= kWindow) {
    if (!is_new && kind.left.count > 0) verdict.before = std::move(kind.left);
    kind = {now, 0, {level, std::string(area), std::string(event), std::string(shown), 0}};
  }
  verdict.write = kind.written < limit_;
  if (verdict.write) {
    ++kind.written;
  } else {
    ++kind.left.count;
    ++left_out_;
  }
  return verdict;
}

std::vector<LogRepeats::LeftOut> LogRepeats::sweep(Time now) {
  const std::lock_guard lock(mutex_);
  std::vector<LeftOut> told;
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Kind& kind = at->second;
    const bool is_over = now - kind.began >= kWindow;
    if (is_over && kind.left.count > 0) told.push_back(std::move(kind.left));
    at = is_over ? kinds_.erase(at) : std::next(at);
  }
  return told;
}

void LogRepeats::set_limit(std::uint32_t per_minute) {
  const std::lock_guard lock(mutex_);
  limit_ = per_minute;
}

std::uint64_t LogRepeats::left_out() const {
  const std::lock_guard lock(mutex_);
  return left_out_;
}

}  // namespace tiara::base
