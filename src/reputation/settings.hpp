// The settings of TIE reference §12.2, with the names and defaults given there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace tiara::reputation {

struct Settings {
  bool external_enabled = true;
  bool external_require_filename = false;
  std::int64_t external_max_age_days = 0;  // 0 = External entries go with their file only (§6.3)
  bool lookup_count_scan_type_3 = false;
  enum class MergeLearn : std::uint8_t { kSafe, kNever, kAlways } merge_learn = MergeLearn::kSafe;
  enum class CreateDate : std::uint8_t { kChanged, kRecord } create_date = CreateDate::kChanged;
  std::uint64_t prevalence_min_systems = 200;
  double prevalence_min_share = 0.01;
  std::uint64_t enterprise_size = 0;  // 0 = count the systems seen
  bool authorization_accept_unidentified = false;
  std::int64_t query_limit_default = 100;
  std::int64_t updates_default_limit = 100;
  bool updates_targeted = false;
  std::int64_t overridden_max_files = 200;
  std::int64_t retention_days = 365;  // 0 = for ever
  enum class Targeted : std::uint8_t { kAll, kEnrolled, kOff } events_targeted = Targeted::kAll;
  std::set<std::string, std::less<>>
      identity_trusted_senders{};  // certificates, SHA-1 in lower-case hexadecimal (L11)
  // Ours: messages of one client per second, beyond them error 7; 0 = no limit.
  std::int64_t limits_requests_per_second = 0;
  // By file type (§4.9) where it differs from retention_days (§6.16).
  std::map<std::uint64_t, std::int64_t> retention_days_by_type{};
};

}  // namespace tiara::reputation
