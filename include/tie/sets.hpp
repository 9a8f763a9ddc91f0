// Changes of Enterprise levels (TIE reference §3.2, §3.5), one by one or in batches.
#pragma once

#include <cstdint>
#include <string>

#include "tie/hash.hpp"
#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

// kNotSet removes the override.
struct SetFileReputation {
  FileHashes hashes;
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::string filename{};
  std::string comment{};
};
struct SetCertReputation {
  Certificate certificate;
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::string comment{};
};

// What became of one item of a batch of sets. A refused one is an Error.
enum class SetOutcome : std::uint8_t {
  kChanged,
  kUnchanged,  // it had this level already
  kDone,       // one or the other: original services do not tell
};

}  // namespace tie
#pragma GCC visibility pop
