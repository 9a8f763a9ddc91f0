#include "service/verdict.hpp"

#include <array>

#include "reputation/composite.hpp"

namespace tiara::service {
namespace {

constexpr std::array<const char*, kVerdictSources> kSources{"none", "enterprise", "gti",
                                                            "atd",  "mwg",        "external"};
constexpr std::array<const char*, kVerdictClasses> kClasses{"not_set", "malicious", "unknown",
                                                            "trusted"};

std::size_t source_of(const reputation::Decision& decision) {
  if (!decision.provider) return 0;
  switch (*decision.provider) {
    case tie::Provider::kEnterprise:
    case tie::Provider::kCertEnterprise:
      return 1;
    case tie::Provider::kGti:
    case tie::Provider::kCertGti:
      return 2;
    case tie::Provider::kAtd:
      return 3;
    case tie::Provider::kMwg:
      return 4;
    case tie::Provider::kExternal:
      return 5;
  }
  return 0;
}

std::size_t class_of(tie::TrustLevel level) {
  if (level == tie::TrustLevel::kNotSet) return 0;
  if (level == tie::TrustLevel::kUnknown) return 2;
  return level < tie::TrustLevel::kUnknown ? 1 : 3;
}

}  // namespace

std::uint8_t verdict_of(const reputation::FileRecord* record) {
  const reputation::Decision decision = reputation::decide_file(record, nullptr);
  return static_cast<std::uint8_t>(source_of(decision) * kVerdictClasses +
                                   class_of(decision.trust_level));
}

VerdictName verdict_name(std::size_t verdict) {
  return {.source = kSources[verdict / kVerdictClasses],
          .verdict = kClasses[verdict % kVerdictClasses]};
}

}  // namespace tiara::service
