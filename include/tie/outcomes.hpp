// What a client can learn of its rights and of what became of its External reports, for which TIE
// itself has no answer (extensions.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dxl/ids.hpp"
#include "dxl/result.hpp"

#pragma GCC visibility push(default)
namespace tie {

// What became of an External report, as far as the service tells.
struct ExternalOutcome {
  enum class Kind : std::uint8_t {
    kAccepted,    // stored, level changed
    kUnchanged,   // stored, the level was the same
    kRefused,     // reason says why
    kCannotTell,  // the service is an original one: it has no such question
    kNotSeen,     // the service has the question and did not say in time that it has the report
    kNoAnswer,    // nothing answered in time
  } kind = Kind::kCannotTell;
  std::string reason;
};

// Whether this client's certificate may send to a topic, as the broker says.
struct SendPermission {
  bool allowed = true;
  std::vector<std::string> groups;  // any of which would allow it
  std::string reason;
};

// What report_and_verify() found out.
struct VerifiedReport {
  enum class Verdict : std::uint8_t {
    kAccepted,    // the file has this External level now
    kRefused,     // the report had no effect; `reason` says why
    kCannotTell,  // it may or may not have had one
  } verdict = Verdict::kCannotTell;
  std::string reason;         // for people; empty if a service that tells has accepted it
  dxl::MessageId report;      // empty if nothing was sent, because the broker would drop it
  SendPermission permission;  // as far as the broker tells
  ExternalOutcome outcome;    // as far as the service tells
  std::optional<dxl::Error> failure{};  // why the service could not be asked, if so
};

}  // namespace tie
#pragma GCC visibility pop
