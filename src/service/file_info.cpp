#include "service/file_info.hpp"

#include <algorithm>

#include "reputation/composite.hpp"

namespace tiara::service {
namespace {

using reputation::FileRecord;
using reputation::LevelAggregate;

constexpr std::int64_t kMillisecondsPerSecond = 1'000;

std::optional<std::int64_t> milliseconds(std::int64_t seconds) {
  if (seconds == 0) return std::nullopt;
  return seconds * kMillisecondsPerSecond;
}

std::optional<std::string> known(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

tie::FileInfo::Level level_of(const FileRecord& file, tie::Provider provider) {
  const reputation::ProviderEntry* entry = file.find(provider);
  if (entry == nullptr) return {};
  return {.level = entry->trust_level, .last_refresh = milliseconds(entry->create_date)};
}

tie::FileInfo::Levels levels_of(const LevelAggregate& levels) {
  if (levels.count == 0) return {};
  return {.count = levels.count,
          .max = levels.max,
          .min = levels.min,
          .sum = static_cast<std::int64_t>(levels.sum)};
}

// When any provider's level was last reported or set.
std::optional<std::int64_t> last_update_of(const FileRecord& file) {
  std::int64_t latest = 0;
  for (const reputation::ProviderEntry& entry : file.entries)
    latest = std::max(latest, entry.create_date);
  return milliseconds(latest);
}

}  // namespace

tie::FileInfo make_file_info(const FileRecord& file, const reputation::CertRecord* signer) {
  const reputation::FileDetails& details = file.details;
  tie::FileInfo info;
  info.hashes = file.hashes;
  info.names = file.names;
  info.size = details.size;
  if (file.file_type != 0) info.file_type = static_cast<tie::FileType>(file.file_type);
  info.version = known(details.version);
  info.company = known(details.company_name);
  info.product_name = known(details.product_name);
  info.product_version = known(details.product_version);
  info.signed_bits = details.signed_bits;
  info.profiler_flags = known(details.profiler_flags);
  if (const auto* entry = file.find(tie::Provider::kEnterprise))
    info.comment = known(entry->comment);

  info.enterprise = level_of(file, tie::Provider::kEnterprise);
  info.gti = level_of(file, tie::Provider::kGti);
  info.atd = level_of(file, tie::Provider::kAtd);
  info.mwg = level_of(file, tie::Provider::kMwg);
  if (file.signer) info.cert_sha1 = file.signer->sha1;
  if (signer != nullptr) {
    info.cert_enterprise = signer->level(tie::Provider::kCertEnterprise);
    info.cert_gti = signer->level(tie::Provider::kCertGti);
  }
  const tie::Explanation composite = reputation::explain_file(&file, signer);
  if (composite.provider)
    info.composite = tie::to_composite_text(composite.trust_level, *composite.provider);

  info.enterprise_count = file.reference_count;
  info.detection_count = details.detection_count;
  info.file_name_count = file.names.size();
  info.file_path_count = details.paths.size();
  info.prevalent = file.prevalent;
  info.first_contact = milliseconds(file.first_contact);
  info.last_access = milliseconds(file.last_used);
  info.last_update = last_update_of(file);
  info.local = levels_of(details.local);
  info.parent = levels_of(details.parents);
  info.prompt = levels_of(details.prompted);
  if (details.local.count != 0) info.local_latest = details.local.latest;
  info.file_paths = details.paths;
  info.latest_rule_id = details.latest_rule_id;
  info.last_detection_name = known(details.last_detection_name);
  return info;
}

std::optional<tie::FileHashes> parse_any_digest(std::string_view text) {
  if (const auto md5 = tie::Md5::parse(text)) return tie::FileHashes{.md5 = *md5};
  if (const auto sha1 = tie::Sha1::parse(text)) return tie::FileHashes{.sha1 = *sha1};
  if (const auto sha256 = tie::Sha256::parse(text)) return tie::FileHashes{.sha256 = *sha256};
  return std::nullopt;
}

}  // namespace tiara::service
