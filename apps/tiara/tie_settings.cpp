#include "tiara/tie_settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "tiara/setting_kinds.hpp"
#include "tie/answers.hpp"
#include "tie/reputation.hpp"
#include "tie/requests.hpp"

namespace tiara::app {
namespace {

using broker::Setting;
using Reputation = reputation::Settings;
using Learn = Reputation::MergeLearn;
using Date = Reputation::CreateDate;
using Targeted = Reputation::Targeted;

constexpr std::int64_t kMaxSystems = 1'000'000'000;
constexpr std::int64_t kMaxDays = 36'500;
constexpr std::int64_t kMaxRate = 100'000'000;
constexpr std::size_t kSha1Digits = 40;
constexpr std::int64_t kMaxMib = 1'048'576;
constexpr std::int64_t kMaxDigests = 1'000'000'000;

std::optional<std::int64_t> parse_days(std::string_view text) {
  std::int64_t days = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, days);
  if (read.ec != std::errc() || read.ptr != end || days < 0 || days > kMaxDays) return std::nullopt;
  return days;
}

// "PEEXE:30" or "18:30".
bool take_type_days(std::string_view item, std::map<std::uint64_t, std::int64_t>& into) {
  const std::size_t colon = item.find(':');
  if (colon == std::string_view::npos) return false;
  const auto type = tie::parse_file_type(item.substr(0, colon));
  const auto days = parse_days(item.substr(colon + 1));
  return type && days && into.emplace(static_cast<std::uint64_t>(*type), *days).second;
}

// Kept as the fabric writes them: in lower case.
bool take_sha1(std::string_view item, std::set<std::string, std::less<>>& into) {
  if (item.size() != kSha1Digits) return false;
  std::string digits;
  for (const char c : item) digits += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  if (digits.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
  into.insert(std::move(digits));
  return true;
}

std::vector<Setting> writing_rows(Reputation& tie) {
  return {
      flag("external.enabled", "Whether External reports are taken; otherwise they are dropped.",
           tie.external_enabled),
      flag("external.require_filename", "Drop External reports without a file name.",
           tie.external_require_filename),
      number("external.max_age_days",
             "External reputations go so many days after their last report. 0: with their file "
             "only.",
             tie.external_max_age_days, 0, kMaxDays),
      flag("lookup.count_scan_type_3",
           "Count lookups of API clients (scanType 3) as sightings of the file.",
           tie.lookup_count_scan_type_3),
      choice<Learn>("merge.learn",
                    "When others than administrators may tie digests together: \"safe\", "
                    "\"never\", \"always\".",
                    tie.merge_learn,
                    {{"safe", Learn::kSafe}, {"never", Learn::kNever}, {"always", Learn::kAlways}}),
      number("prevalence.min_systems", "A file is prevalent when so many systems have seen it,",
             tie.prevalence_min_systems, 0, kMaxSystems),
      share("prevalence.min_share", "and this share of all systems.", tie.prevalence_min_share),
      number("enterprise.size", "Number of all systems; 0: those that have been seen.",
             tie.enterprise_size, 0, kMaxSystems),
      flag("authorization.accept_unidentified",
           "Take writes from senders whose identity the fabric does not show.",
           tie.authorization_accept_unidentified),
      list(
          "identity.trusted_senders",
          "Who may name another system as the asker of a lookup (agentGuid): SHA-1 thumbprints of "
          "certificates.",
          "SHA-1 thumbprints", "", [&tie] { tie.identity_trusted_senders.clear(); },
          [&tie](std::string_view item) { return take_sha1(item, tie.identity_trusted_senders); }),
  };
}

std::vector<Setting> answering_rows(Reputation& tie) {
  return {
      number("query_limit.default", "Rows of an answer to who asks for no number of them.",
             tie.query_limit_default, 1, tie::kMaxQueryLimit),
      number("updates.default_limit",
             "The same for what has changed; a page ends with a whole second.",
             tie.updates_default_limit, 1, tie::kMaxQueryLimit),
      flag("updates.targeted",
           "List only changes of files that the asker has used, and of prevalent ones.",
           tie.updates_targeted),
      number("overridden.max_files",
             "Files with an override of their own that are listed with their certificate.",
             tie.overridden_max_files, 0, tie::kMaxOverridden),
      choice<Targeted>(
          "events.targeted",
          "Who gets change events on the targeted topics: \"all\" who subscribe, "
          "systems that are \"enrolled\" by lookups of their own, or \"off\".",
          tie.events_targeted,
          {{"all", Targeted::kAll}, {"enrolled", Targeted::kEnrolled}, {"off", Targeted::kOff}}),
      number("retention.days",
             "What nobody has used for so many days goes, unless it has an override. 0: nothing "
             "goes.",
             tie.retention_days, 0, kMaxDays),
      list(
          "retention.days_by_type",
          "The same for files of a type, by name or number: \"PEEXE:730, 18:30\".", "TYPE:DAYS", "",
          [&tie] { tie.retention_days_by_type.clear(); },
          [&tie](std::string_view item) {
            return take_type_days(item, tie.retention_days_by_type);
          }),
  };
}

}  // namespace

std::vector<Setting> store_rows(StoreSettings& settings) {
  return {
      number("store.cache_mib",
             "MiB of memory for what was read from the store: blocks of records, and the indexes "
             "and filters, which always stay: 8 MiB for a million files with three digests.",
             settings.cache_mib, 8, kMaxMib),
      number("store.cached_digests",
             "Digests whose answers are kept in memory, in up to 1.5 KiB each.",
             settings.cached_digests, 16, kMaxDigests),
  };
}

void use_log_settings(const LogSettings& settings) {
  base::set_log_level(settings.level);
  base::set_log_format(settings.format);
  base::set_log_repeats(settings.repeats);
}

std::vector<Setting> tie_rows(Reputation& settings) {
  std::vector<Setting> rows{
      choice<Date>("create_date",
                   "createDate of an Enterprise entry: \"changed\" = of the last level change, "
                   "\"record\" = of the record.",
                   settings.create_date, {{"changed", Date::kChanged}, {"record", Date::kRecord}})};
  for (auto part : {&writing_rows, &answering_rows})
    for (Setting& row : part(settings)) {
      row.reloads = true;
      rows.push_back(std::move(row));
    }
  return rows;
}

Setting request_rate_row(Reputation& settings) {
  Setting row = number("limits.requests_per_second",
                       "Messages a second of one client that the TIE service takes; beyond it, "
                       "requests are answered with error 7. 0: no limit.",
                       settings.limits_requests_per_second, 0, kMaxRate);
  row.reloads = true;
  return row;
}

std::vector<Setting> log_rows(LogSettings& settings) {
  using base::LogLevel;
  std::vector<Setting> rows{
      choice<LogLevel>("log.level", "Which lines are written: \"info\" and worse, say.",
                       settings.level,
                       {{"info", LogLevel::kInfo},
                        {"debug", LogLevel::kDebug},
                        {"warn", LogLevel::kWarning},
                        {"error", LogLevel::kError}}),
      choice<base::LogFormat>(
          "log.format", "\"text\" for people, \"json\" for programs: one object a line.",
          settings.format, {{"text", base::LogFormat::kText}, {"json", base::LogFormat::kJson}}),
      number("log.repeats_per_minute",
             "Lines of one event and client; the rest is counted. 0: no limit.", settings.repeats,
             0, 1'000'000),
  };
  for (Setting& row : rows) row.reloads = true;
  return rows;
}

}  // namespace tiara::app
