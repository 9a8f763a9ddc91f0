// Events of the TIE service other than changes of a reputation (TIE reference §3.12 to §3.14).
#pragma once

#include <cstdint>
#include <string>

#include "tie/hash.hpp"

#pragma GCC visibility push(default)
namespace tie {

// An endpoint product acted on a file.
struct Detection {
  std::string agent_guid;
  FileHashes hashes;
  std::int64_t detection_time = 0;  // seconds since 1970 UTC
  std::int64_t local_reputation = 0;
  std::int64_t remediation_action = 0;  // a code without a public table; 5 is the only one seen
  std::string name{};                   // left out if empty
  friend bool operator==(const Detection&, const Detection&) = default;
};

// Somebody asked about a file for the first time.
struct FirstInstance {
  std::string agent_guid;
  FileHashes hashes;
  std::string name{};  // left out if empty
  friend bool operator==(const FirstInstance&, const FirstInstance&) = default;
};

// One more system has a file, and it was not prevalent yet.
struct Prevalence {
  std::string agent_guid;
  FileHashes hashes;
  std::int64_t agent_first_reference = 0;  // seconds since 1970 UTC
  std::uint64_t enterprise_count = 0;
  bool prevalent = false;
  std::string name{};  // left out if empty
  friend bool operator==(const Prevalence&, const Prevalence&) = default;
};

}  // namespace tie
#pragma GCC visibility pop
