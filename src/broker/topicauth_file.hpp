// `topicauth.policy`: topic authorization as the original broker reads it (DXL reference §6.1), and
// both policy files as one policy.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "broker/state_directory.hpp"
#include "dxl/result.hpp"
#include "fabric/authorization.hpp"

namespace tiara::broker {

struct TopicAuth {
  std::vector<fabric::TopicRule> rules{};  // in the order of the file
  // "<file>:<line>: <what>": entries that can never match and members nobody knows. Thumbprints
  // that no certificate can have are left out of the rules, which restrict as before.
  std::vector<std::string> warnings{};
};

// kConfiguration with file and line. Comments // and /* */ are allowed.
dxl::Result<TopicAuth> parse_topicauth(std::string_view text, std::string_view name);
// An absent file holds no rules; one that cannot be read is an error.
dxl::Result<TopicAuth> load_topicauth(const std::filesystem::path& file);

struct LoadedPolicy {
  fabric::Policy policy;  // its rules: those of authorization.toml, then topicauth.policy's
  std::size_t topicauth_rules = 0;  // how many of the rules are topicauth.policy's
  std::vector<std::string> warnings{};
};
// The authorization.toml and, if there is one, the topicauth.policy of a state.
dxl::Result<LoadedPolicy> load_policies(const StatePaths& paths);

}  // namespace tiara::broker
