// `authorization.toml`: the profile, who is a member of which named group, groups and topic rules
// of one's own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "fabric/authorization.hpp"

namespace tiara::broker {

// kConfiguration with file, line and the unknown key or group. A missing file is an error, and so
// is one without any key: fail closed.
dxl::Result<fabric::Policy> load_policy(const std::filesystem::path& file);
dxl::Result<fabric::Policy> parse_policy(std::string_view text, std::string_view name);

// Adds or replaces the member with this certificate, keeping the rest of the file and its comments.
// Writes a temporary file, syncs it and renames. Callers hold the state's policy lock
// (broker/state_directory.hpp).
dxl::Result<void> add_member(const std::filesystem::path& file, const fabric::Member& member);

// Removes the member with this certificate, if there is one; otherwise as add_member.
dxl::Result<void> remove_member(const std::filesystem::path& file,
                                const fabric::Thumbprints& certificate);

// The text a new state starts with: the open profile, comments that explain it, no
// members.
std::string initial_policy_text();

}  // namespace tiara::broker
