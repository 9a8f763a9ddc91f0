#include "reputation/record.hpp"

#include <algorithm>

namespace tiara::reputation {
namespace {

bool provider_before(const ProviderEntry& entry, tie::Provider provider) {
  return entry.provider < provider;
}

bool covers_levels(const FileRecord& left, const FileRecord& right) {
  return std::all_of(left.entries.begin(), left.entries.end(), [&](const ProviderEntry& entry) {
    return entry.trust_level == right.level(entry.provider);
  });
}

}  // namespace

const ProviderEntry* FileRecord::find(tie::Provider provider) const {
  const auto at = std::lower_bound(entries.begin(), entries.end(), provider, provider_before);
  return at != entries.end() && at->provider == provider ? &*at : nullptr;
}

tie::TrustLevel FileRecord::level(tie::Provider provider) const {
  const ProviderEntry* entry = find(provider);
  return entry == nullptr ? tie::TrustLevel::kNotSet : entry->trust_level;
}

ProviderEntry& entry_of(FileRecord& record, tie::Provider provider) {
  auto at =
      std::lower_bound(record.entries.begin(), record.entries.end(), provider, provider_before);
  if (at == record.entries.end() || at->provider != provider)
    at = record.entries.insert(at, ProviderEntry{.provider = provider, .comment = {}});
  return *at;
}

void remove_entry(FileRecord& record, tie::Provider provider) {
  std::erase_if(record.entries,
                [&](const ProviderEntry& entry) { return entry.provider == provider; });
}

void add_name(FileRecord& record, std::string_view name) {
  if (name.empty() || record.names.size() >= kMaxNames) return;
  if (std::find(record.names.begin(), record.names.end(), name) == record.names.end())
    record.names.emplace_back(name);
}

bool touch(FileRecord& record, std::int64_t now) {
  const std::int64_t day = now - now % kSecondsPerDay;
  if (record.last_used >= day) return false;
  record.last_used = day;
  return true;
}

bool same_levels(const FileRecord& left, const FileRecord& right) {
  return covers_levels(left, right) && covers_levels(right, left);
}

}  // namespace tiara::reputation
