#include "reputation/record.hpp"

#include <algorithm>

namespace tiara::reputation {
namespace {

bool provider_before(const ProviderEntry& entry, tie::Provider provider) {
  return entry.provider < provider;
}

const ProviderEntry* find_entry(const std::vector<ProviderEntry>& entries, tie::Provider provider) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), provider, provider_before);
  return at != entries.end() && at->provider == provider ? &*at : nullptr;
}

tie::TrustLevel level_of(const std::vector<ProviderEntry>& entries, tie::Provider provider) {
  const ProviderEntry* entry = find_entry(entries, provider);
  return entry == nullptr ? tie::TrustLevel::kNotSet : entry->trust_level;
}

bool covers_levels(const std::vector<ProviderEntry>& left,
                   const std::vector<ProviderEntry>& right) {
  return std::all_of(left.begin(), left.end(), [&](const ProviderEntry& entry) {
    return entry.trust_level == level_of(right, entry.provider);
  });
}

void add_distinct(std::vector<std::string>& texts, std::string_view text, std::size_t most) {
  if (text.empty() || texts.size() >= most) return;
  if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.emplace_back(text);
}

}  // namespace

const ProviderEntry* FileRecord::find(tie::Provider provider) const {
  return find_entry(entries, provider);
}
tie::TrustLevel FileRecord::level(tie::Provider provider) const {
  return level_of(entries, provider);
}
const ProviderEntry* CertRecord::find(tie::Provider provider) const {
  return find_entry(entries, provider);
}
tie::TrustLevel CertRecord::level(tie::Provider provider) const {
  return level_of(entries, provider);
}

ProviderEntry& entry_of(std::vector<ProviderEntry>& entries, tie::Provider provider) {
  auto at = std::lower_bound(entries.begin(), entries.end(), provider, provider_before);
  if (at == entries.end() || at->provider != provider)
    at = entries.insert(at, ProviderEntry{.provider = provider, .comment = {}});
  return *at;
}

void remove_entry(std::vector<ProviderEntry>& entries, tie::Provider provider) {
  std::erase_if(entries, [&](const ProviderEntry& entry) { return entry.provider == provider; });
}

void add_name(FileRecord& record, std::string_view name) {
  add_distinct(record.names, name, kMaxNames);
}

void add_path(FileDetails& details, std::string_view path) {
  add_distinct(details.paths, path, kMaxPaths);
}

bool learn_signer(FileRecord& record, const std::optional<tie::Certificate>& signer) {
  if (!signer) return true;
  if (!record.signer) {
    record.signer = signer;
    return true;
  }
  return record.signer->sha1 == signer->sha1 && learn_key(*record.signer, signer->public_key_sha1);
}

bool learn_key(tie::Certificate& certificate, const std::optional<tie::Sha1>& public_key_sha1) {
  if (!public_key_sha1) return true;
  if (!certificate.public_key_sha1) certificate.public_key_sha1 = public_key_sha1;
  return certificate.public_key_sha1 == public_key_sha1;
}

bool touch(std::int64_t& last_used, std::int64_t now) {
  const std::int64_t day = now - now % kSecondsPerDay;
  if (last_used >= day) return false;
  last_used = day;
  return true;
}

bool same_levels(const std::vector<ProviderEntry>& left, const std::vector<ProviderEntry>& right) {
  return covers_levels(left, right) && covers_levels(right, left);
}

}  // namespace tiara::reputation
