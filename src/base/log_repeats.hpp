// How often lines of one kind may be written: a client that fails a thousand times a second must
// not bury what the others did. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"

namespace tiara::base {

class LogRepeats {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes kWindow{1};
  // Kinds that are watched at a time. Beyond it all subjects of an event count together.
  static constexpr std::size_t kMaxKinds = 4'096;
  static constexpr std::size_t kMaxSubjectBytes = 256;
  static constexpr std::uint32_t kDefaultLimit = 60;

  struct LeftOut {
    LogLevel level;
    std::string area, event, subject;
    std::uint64_t count = 0;
  };
  struct Verdict {
    bool write = true;
    std::optional<LeftOut> before;  // of the window that has just ended
  };

  Verdict take(LogLevel level, std::string_view area, std::string_view event,
               std::string_view subject, Time now);
  // What was left out in windows that have ended; their kinds are forgotten.
  std::vector<LeftOut> sweep(Time now);
  void set_limit(std::uint32_t per_minute);
  std::uint64_t left_out() const;

 private:
  struct Kind {
    Time began;
    std::uint32_t written = 0;
    LeftOut left;
  };

  mutable std::mutex mutex_;
  std::uint32_t limit_ = kDefaultLimit;
  std::uint64_t left_out_ = 0;
  std::map<std::string, Kind> kinds_;  // by event and subject
};

}  // namespace tiara::base
