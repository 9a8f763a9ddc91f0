// The one effective level of a file or certificate, with the steps that led to it (TIE reference
// §6.2). TIE topics carry the levels of all providers; which of them counts, each client decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

struct ExplainStep {
  int step = 0;  // of TIE reference §6.2; 0: the External rule
  std::string rule;
  bool matched = false;
  std::string detail;
  friend bool operator==(const ExplainStep&, const ExplainStep&) = default;
};

// The first step that matched decided. If none did, the level is kNotSet and step 0 stands for
// nothing.
struct Explanation {
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::optional<Provider> provider{};  // nullopt: latest local level, or nothing
  int step = 0;
  std::vector<ExplainStep> steps;
  friend bool operator==(const Explanation&, const Explanation&) = default;
};

// A level that was computed on this system, which no answer holds (step 3).
struct LocalLevel {
  TrustLevel level = TrustLevel::kNotSet;
  std::int64_t time = 0;  // seconds since 1970 UTC
};

// The decision from answers to lookups, or from the snapshots of a change event: the file's own,
// its signer's if it is signed, and what this system itself found, if it did. Asks nobody.
Explanation explain_file(const Reputations& file, const Reputations* signer = nullptr,
                         const LocalLevel& local = {});
// The steps that look at certificates: 2, 4 and 7.
Explanation explain_certificate(const Reputations& certificate);

}  // namespace tie
#pragma GCC visibility pop
