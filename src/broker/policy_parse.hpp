// Within policy_*.cpp: authorization.toml as values that know where they stand.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/authorization.hpp"

namespace tiara::broker {

inline constexpr std::size_t kMaxPolicyBytes = 16 * 1024 * 1024;

// Where in the file one [[member]] stands: lines from 1, both included.
struct MemberBlock {
  fabric::Thumbprints certificate;
  std::size_t first_line = 0;
  std::size_t last_line = 0;
};

struct ParsedPolicy {
  fabric::Policy policy;
  std::vector<MemberBlock> blocks;  // in the order of policy.members
};

dxl::Result<ParsedPolicy> parse_policy_text(std::string_view text, std::string_view file);

}  // namespace tiara::broker
