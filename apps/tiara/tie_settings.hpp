// The settings of the TIE service (TIE reference §12.2), the same for `tiara up` and `tiara
// server`, and those of the log.
#pragma once

#include <cstdint>
#include <vector>

#include "base/log.hpp"
#include "broker/settings.hpp"
#include "reputation/settings.hpp"

namespace tiara::app {

struct LogSettings {
  base::LogLevel level = base::LogLevel::kInfo;  // log.level
  base::LogFormat format = base::LogFormat::kText;
  std::uint32_t repeats = 60;  // log.repeats_per_minute
};
void use_log_settings(const LogSettings& settings);

// The rows write into `settings`, which must outlive them. A reload applies all but create_date.
std::vector<broker::Setting> tie_rows(reputation::Settings& settings);
// It stands in [limits], beside the broker's.
broker::Setting request_rate_row(reputation::Settings& settings);
std::vector<broker::Setting> log_rows(LogSettings& settings);

}  // namespace tiara::app
