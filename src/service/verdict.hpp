// What decided a file's composite reputation, as one small number to count by. The signer is left
// aside: a lookup of a file does not look for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "reputation/record.hpp"

namespace tiara::service {

inline constexpr std::size_t kVerdictSources = 6;  // none, enterprise, GTI, ATD, MWG, external
inline constexpr std::size_t kVerdictClasses = 4;  // not set, malicious, unknown, trusted
inline constexpr std::size_t kVerdicts = kVerdictSources * kVerdictClasses;

// `record` null: unknown.
std::uint8_t verdict_of(const reputation::FileRecord* record);

struct VerdictName {
  std::string source;   // "none", "enterprise", "gti", "atd", "mwg" or "external"; a level computed
                        // on a system is "none"
  std::string verdict;  // "not_set", "malicious", "unknown", "trusted"
};
VerdictName verdict_name(std::size_t verdict);

}  // namespace tiara::service
