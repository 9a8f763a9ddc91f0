// What the answers about files and about certificates have in common. Only this folder includes it.
#pragma once

#include <cstdint>
#include <string>

#include "reputation/record.hpp"
#include "reputation/settings.hpp"
#include "tie/reputation.hpp"

namespace tiara::reputation {

inline tie::Reputation to_entry(const ProviderEntry& stored) {
  return tie::Reputation{.provider = stored.provider,
                         .trust_level = stored.trust_level,
                         .create_date = stored.create_date,
                         .attributes = stored.attributes};
}

// The entry of a provider that is in every answer: as stored, else without a level and as old as
// the record (L5, L7).
inline tie::Reputation base_entry(const ProviderEntry* stored, tie::Provider provider,
                                  std::int64_t created) {
  if (stored != nullptr) return to_entry(*stored);
  return tie::Reputation{.provider = provider,
                         .trust_level = tie::TrustLevel::kNotSet,
                         .create_date = created,
                         .attributes = {}};
}

inline void add_attribute(tie::Reputation& entry, const char* id, std::uint64_t value) {
  entry.attributes.emplace_back(id, std::to_string(value));
}

}  // namespace tiara::reputation
