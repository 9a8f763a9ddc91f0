#include "reputation/engine.hpp"

namespace tiara::reputation {

// Last use is kept by the day, so a record goes when the whole of that day is long enough ago.
bool is_unused(std::int64_t last_used, std::int64_t now, std::int64_t days) {
  return days > 0 && (now - last_used) / kSecondsPerDay > days;
}

Aged apply_age(const FileRecord& record, std::int64_t now, const Settings& settings) {
  const auto by_type = settings.retention_days_by_type.find(record.file_type);
  const std::int64_t days =
      by_type == settings.retention_days_by_type.end() ? settings.retention_days : by_type->second;
  const bool overridden = record.level(tie::Provider::kEnterprise) != tie::TrustLevel::kNotSet;
  if (!overridden && is_unused(record.last_used, now, days))
    return Aged{.purge = true, .change = {}};

  const ProviderEntry* external = record.find(tie::Provider::kExternal);
  if (external == nullptr || settings.external_max_age_days <= 0 ||
      (now - external->create_date) / kSecondsPerDay < settings.external_max_age_days)
    return {};
  Change change{.before = record, .after = record};
  remove_entry(change.after.entries, tie::Provider::kExternal);
  return Aged{.purge = false, .change = std::move(change)};
}

}  // namespace tiara::reputation
