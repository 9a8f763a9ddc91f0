// Decoders of attributes.hpp (TIE reference §5).
#include "tie/attributes.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "base/hex.hpp"

namespace tie {
namespace {

// The whole text as a number; nullopt for signs, spaces and everything else.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

std::optional<std::int64_t> time_of(const Reputation& entry, std::uint32_t id) {
  const auto text = attribute_text(entry, id);
  return text ? parse_number<std::int64_t>(*text) : std::nullopt;
}

std::optional<bool> flag_of(const Reputation& entry, std::uint32_t id) {
  const auto number = attribute_number(entry, id);
  if (!number || *number > 1) return std::nullopt;
  return *number == 1;
}

std::optional<LevelAggregate> aggregate_of(const Reputation& entry, std::uint32_t id) {
  const auto text = attribute_text(entry, id);
  return text ? decode_level_aggregate(*text) : std::nullopt;
}

std::optional<ServerVersion> version_of(const Reputation& entry) {
  const auto text = attribute_text(entry, kServerVersion);
  return text ? decode_server_version(*text) : std::nullopt;
}

// The cloud's answer is 32 bits, with or without a sign.
std::optional<std::uint32_t> response_of(const Reputation& entry, std::uint32_t id) {
  const auto text = attribute_text(entry, id);
  const auto number = text ? parse_number<std::int64_t>(*text) : std::nullopt;
  if (!number || *number < std::numeric_limits<std::int32_t>::min() ||
      *number > std::numeric_limits<std::uint32_t>::max())
    return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<AtdTrustLevel> atd_level_of(const Reputation& entry, std::uint32_t id) {
  const auto text = attribute_text(entry, id);
  const auto number = text ? parse_number<std::int32_t>(*text) : std::nullopt;
  if (!number) return std::nullopt;
  return static_cast<AtdTrustLevel>(*number);
}

}  // namespace

std::optional<std::string_view> attribute_text(const Reputation& entry, std::uint32_t id) {
  const std::string name = std::to_string(id);
  const auto found =
      std::ranges::find(entry.attributes, name, &std::pair<std::string, std::string>::first);
  if (found == entry.attributes.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> attribute_number(const Reputation& entry, std::uint32_t id) {
  const auto text = attribute_text(entry, id);
  return text ? parse_number<std::uint64_t>(*text) : std::nullopt;
}

std::optional<ServerVersion> decode_server_version(std::string_view text) {
  const auto packed = parse_number<std::uint64_t>(text);
  if (!packed) return std::nullopt;
  return ServerVersion{.major = static_cast<std::uint8_t>(*packed >> 56U),
                       .minor = static_cast<std::uint8_t>(*packed >> 48U),
                       .patch = static_cast<std::uint16_t>(*packed >> 32U),
                       .build = static_cast<std::uint32_t>(*packed)};
}

std::string to_string(const ServerVersion& version) {
  return fmt::format("{}.{}.{}.{}", version.major, version.minor, version.patch, version.build);
}

std::optional<LevelAggregate> decode_level_aggregate(std::string_view base64) {
  constexpr std::size_t kValues = 5;
  const auto bytes = tiara::base::parse_base64(base64);
  if (!bytes || bytes->size() < 2 * kValues) return std::nullopt;
  const auto little16 = [&](std::size_t index) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>((*bytes)[at]); };
    return static_cast<std::uint16_t>(byte(2 * index) | byte(2 * index + 1) << 8U);
  };
  return LevelAggregate{.count = little16(0),
                        .max = little16(1),
                        .min = little16(2),
                        .latest = little16(3),
                        .average = little16(4) / 100.0};
}

std::optional<OsVersion> decode_os_version(std::string_view text) {
  const auto packed = parse_number<std::uint64_t>(text);
  if (!packed) return std::nullopt;
  return OsVersion{.major = static_cast<std::uint32_t>(*packed >> 32U),
                   .minor = static_cast<std::uint32_t>(*packed)};
}

std::optional<ContentVersion> decode_content_version(std::string_view text) {
  const auto packed = parse_number<std::uint64_t>(text);
  if (!packed) return std::nullopt;
  ContentVersion version{};
  for (std::size_t i = 0; i < version.size(); ++i)
    version[i] = static_cast<std::uint16_t>(*packed >> (48U - 16U * i));
  return version;
}

std::optional<ProfilerFlags> decode_profiler_flags(std::string_view text) {
  ProfilerFlags flags;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto key = parse_number<std::uint32_t>(pair.substr(0, colon), 16);
    const auto value = parse_number<std::uint64_t>(pair.substr(colon + 1), 16);
    if (!key || !value) return std::nullopt;
    flags.emplace_back(*key, *value);
  }
  return flags;
}

std::string to_dotted(std::uint32_t gti_response) {
  return fmt::format("{}.{}.{}.{}", gti_response >> 24U, gti_response >> 16U & 0xFFU,
                     gti_response >> 8U & 0xFFU, gti_response & 0xFFU);
}

TrustLevel to_trust_level(AtdTrustLevel level) {
  switch (level) {
    case AtdTrustLevel::kNotSet:
      break;
    case AtdTrustLevel::kKnownTrusted:
      return TrustLevel::kKnownTrusted;
    case AtdTrustLevel::kMostLikelyTrusted:
      return TrustLevel::kMostLikelyTrusted;
    case AtdTrustLevel::kMightBeTrusted:
      return TrustLevel::kMightBeTrusted;
    case AtdTrustLevel::kUnknown:
      return TrustLevel::kUnknown;
    case AtdTrustLevel::kMightBeMalicious:
      return TrustLevel::kMightBeMalicious;
    case AtdTrustLevel::kMostLikelyMalicious:
      return TrustLevel::kMostLikelyMalicious;
    case AtdTrustLevel::kKnownMalicious:
      return TrustLevel::kKnownMalicious;
  }
  return TrustLevel::kNotSet;
}

// The names of both scales are the same (§4.4).
std::string to_string(AtdTrustLevel level) {
  const TrustLevel same = to_trust_level(level);
  if (same == TrustLevel::kNotSet && level != AtdTrustLevel::kNotSet)
    return std::to_string(static_cast<std::int32_t>(level));
  return to_string(same);
}

FileEnterpriseAttributes decode_file_enterprise(const Reputation& entry) {
  FileEnterpriseAttributes decoded{
      .prevalence = attribute_number(entry, kFilePrevalence),
      .enterprise_size = attribute_number(entry, kFileEnterpriseSize),
      .detection_count = attribute_number(entry, kFileDetectionCount),
      .file_name_count = attribute_number(entry, kFileNameCount),
      .first_contact = time_of(entry, kFileFirstContact),
      .last_detection_time = time_of(entry, kFileLastDetectionTime),
      .min_local_rep = attribute_number(entry, kFileMinLocalRep),
      .max_local_rep = attribute_number(entry, kFileMaxLocalRep),
      .avg_local_rep = attribute_number(entry, kFileAvgLocalRep),
      .parent_min_local_rep = attribute_number(entry, kFileParentMinLocalRep),
      .parent_max_local_rep = attribute_number(entry, kFileParentMaxLocalRep),
      .parent_avg_local_rep = attribute_number(entry, kFileParentAvgLocalRep),
      .is_prevalent = flag_of(entry, kFileIsPrevalent),
      .parent_file_reps = aggregate_of(entry, kFileParentFileReps),
      .child_file_reps = aggregate_of(entry, kFileChildFileReps),
      .file_size = attribute_number(entry, kFileSize),
      .server_version = version_of(entry)};
  for (std::uint32_t i = 0; i < kStatistics; ++i)
    decoded.statistics[i] = attribute_number(entry, kFirstStatistic + i * kStatisticStep);
  return decoded;
}

CertEnterpriseAttributes decode_cert_enterprise(const Reputation& entry) {
  return {.prevalence = attribute_number(entry, kCertPrevalence),
          .first_contact = time_of(entry, kCertFirstContact),
          .has_file_overrides = flag_of(entry, kCertHasFileOverrides),
          .is_prevalent = flag_of(entry, kCertIsPrevalent),
          .server_version = version_of(entry)};
}

GtiAttributes decode_file_gti(const Reputation& entry) {
  return {.original_response = response_of(entry, kGtiOriginalResponse),
          .first_contact = time_of(entry, kGtiFileFirstContact),
          .prevalence = attribute_number(entry, kGtiFilePrevalence),
          .revoked = {}};
}

GtiAttributes decode_cert_gti(const Reputation& entry) {
  const auto response = response_of(entry, kGtiOriginalResponse);
  return {.original_response = response ? response : response_of(entry, kGtiCertOriginalResponse),
          .first_contact = time_of(entry, kGtiCertFirstContact),
          .prevalence = attribute_number(entry, kGtiCertPrevalence),
          .revoked = flag_of(entry, kGtiCertRevoked)};
}

AtdAttributes decode_atd(const Reputation& entry) {
  const auto behaviors = attribute_text(entry, kAtdBehaviors);
  return {.gam_score = atd_level_of(entry, kAtdGamScore),
          .av_engine_score = atd_level_of(entry, kAtdAvEngineScore),
          .sandbox_score = atd_level_of(entry, kAtdSandboxScore),
          .verdict = atd_level_of(entry, kAtdVerdict),
          .behaviors = behaviors ? std::optional<std::string>(*behaviors) : std::nullopt};
}

}  // namespace tie
