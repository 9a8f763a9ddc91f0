// Log lines about refused messages, a few per second at most: the sender decides how many there
// are.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/log.hpp"
#include "base/ports.hpp"

namespace tiara::service {

enum class Refused : std::uint8_t { kRequest, kExternalReport, kSandboxReport };

class RefusalLog {
 public:
  explicit RefusalLog(const base::Clock& clock) : clock_(clock) {}

  void add(Refused what, std::string_view reason, std::string_view sender,
           std::string_view detail) {
    const base::SteadyTime now = clock_.now();
    if (now - window_ >= base::Seconds(1)) {
      if (left_out_ > 0)
        base::log(base::LogLevel::kWarning, "tie", "{} more messages refused", left_out_);
      window_ = now;
      lines_ = 0;
      left_out_ = 0;
    }
    if (++lines_ > kLinesPerSecond) {
      ++left_out_;
      return;
    }
    base::log_event(
        base::LogLevel::kWarning, "tie",
        what == Refused::kRequest ? "request.refused" : "report.refused", "",
        {{"thumbprint", sender}, {"reason", reason}},
        fmt::format("{} of {} refused ({}): {}", name_of(what),
                    sender.empty() ? "an unidentified sender" : sender, reason, detail));
  }

 private:
  static std::string_view name_of(Refused what) {
    switch (what) {
      case Refused::kRequest:
        return "request";
      case Refused::kExternalReport:
        return "External report";
      case Refused::kSandboxReport:
        return "sandbox report";
    }
    return "message";
  }

  static constexpr std::uint32_t kLinesPerSecond = 20;

  const base::Clock& clock_;
  base::SteadyTime window_{};
  std::uint32_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace tiara::service
