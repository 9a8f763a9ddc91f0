// What a user names: a file, or a digest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::app {

struct Target {
  std::string argument;             // as the user wrote it
  std::optional<std::string> path;  // absent for a digest
  tie::FileHashes hashes;           // all three of a file, the one of a digest
  friend bool operator==(const Target&, const Target&) = default;

  std::string file_name() const;  // the last part of the path; empty for a digest
};

// An existing file wins over a digest of the same spelling. kInvalidArgument names the argument.
dxl::Result<Target> parse_target(const std::string& argument);

// A number or a name; only the nine known levels. kInvalidArgument lists them.
dxl::Result<tie::TrustLevel> parse_level(const std::string& text);

// From the first bytes and the name; kNone for a digest or an unreadable file.
tie::FileType detect_type(const Target& target);

}  // namespace tiara::app
