// What users and programs read on stdout. JSON uses wire names, and hexadecimal digests by name.
#pragma once

#include <string>

#include "base/printable.hpp"
#include "dxl/message.hpp"
#include "dxl/result.hpp"
#include "tiara/targets.hpp"
#include "tie/client.hpp"
#include "tie/reputation.hpp"

namespace tiara::app {

// What became of one External report, or of the attempt.
struct ExternalResult {
  enum class Outcome {
    kAccepted,
    kUnchanged,
    kRefused,
    kCannotTell,  // an original service tells nobody
    kNotSeen,
    kNoAnswer,
    kAborted
  } outcome;
  tie::TrustLevel level = tie::TrustLevel::kNotSet;
  tie::FileType type = tie::FileType::kNone;
  dxl::MessageId report;  // empty when nothing was sent
  std::string reason;
};

// A table of providers for people; ends with a newline.
std::string reputations_text(const Target& target, const tie::Reputations& reputations);
// One line without newline.
std::string change_text(const tie::FileReputationChange& change);
std::string external_text(const Target& target, const ExternalResult& result);

// One object without newline.
std::string reputations_json(const Target& target, const tie::Reputations& reputations);
std::string change_json(const tie::FileReputationChange& change, const dxl::Event& event);
std::string external_json(const Target& target, const ExternalResult& result);
std::string set_json(const Target& target, tie::TrustLevel level);
std::string error_json(const std::string& argument, const dxl::Error& error);

// "KNOWN_TRUSTED (99)"
std::string level_text(tie::TrustLevel level);

// Collects one object per argument and prints them at the end: alone for a single argument, else as
// an array.
class JsonResults {
 public:
  explicit JsonResults(bool as_array) : as_array_(as_array) {}
  void add(std::string object);
  void print() const;  // nothing if a single argument gave no object

 private:
  bool as_array_;
  std::string text_;
};

// For every text from a peer: it may not drive the user's terminal.
using base::printable;

}  // namespace tiara::app
