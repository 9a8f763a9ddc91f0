// Within policy_*.cpp: authorization.toml as values that know where they stand.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
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
  // Lines of the certificates of each rule, in the order of policy.rules.
  std::vector<std::vector<std::size_t>> certificate_lines;
};

dxl::Result<ParsedPolicy> parse_policy_text(std::string_view text, std::string_view file);

// By either thumbprint.
bool same_certificate(const fabric::Thumbprints& a, const fabric::Thumbprints& b);

std::string block_text(const fabric::Member& member);

// Whether `edited` reads as `expected`: what an edit cannot reach (members written as an inline
// array, say) is an error instead of a damaged policy.
dxl::Result<void> check_proven(const std::filesystem::path& file, const std::string& edited,
                               const fabric::Policy& expected);
// The same, and writes it.
dxl::Result<void> write_proven(const std::filesystem::path& file, const std::string& edited,
                               const fabric::Policy& expected);

}  // namespace tiara::broker
