// The settings of the TIE service (TIE reference §12.2), the same for `tiara up` and `tiara
// server`, those of the store's memory, and those of the log.
#pragma once

#include <cstddef>
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
// What the store and the answers of the service take of the memory, however many files there are.
struct StoreSettings {
  std::uint32_t cache_mib = 256;           // store.cache_mib
  std::uint32_t cached_digests = 262'144;  // store.cached_digests
};
std::vector<broker::Setting> store_rows(StoreSettings& settings);
inline std::size_t block_cache_bytes(const StoreSettings& settings) {
  return std::size_t{settings.cache_mib} * 1024 * 1024;
}

void use_log_settings(const LogSettings& settings);

// The rows write into `settings`, which must outlive them. A reload applies all but create_date.
std::vector<broker::Setting> tie_rows(reputation::Settings& settings);
// It stands in [limits], beside the broker's.
broker::Setting request_rate_row(reputation::Settings& settings);
std::vector<broker::Setting> log_rows(LogSettings& settings);

}  // namespace tiara::app
