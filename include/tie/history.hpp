// Who changed a level, and why (extensions.md): answered by Tiara's service alone.
#pragma once

#include <cstdint>
#include <string>

#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

inline constexpr std::int64_t kMaxHistoryEntries = 1'000;

struct HistoryEntry {
  std::int64_t time = 0;  // seconds since 1970 UTC
  Provider provider = Provider::kEnterprise;
  TrustLevel old_level = TrustLevel::kNotSet, new_level = TrustLevel::kNotSet;
  std::string comment{};
  std::string kind{};  // as in change events' cause; left out if empty
  std::string actor_certificate{}, actor_name{}, actor_client_id{};
  friend bool operator==(const HistoryEntry&, const HistoryEntry&) = default;
};

}  // namespace tie
#pragma GCC visibility pop
