// Revoked certificates (DXL reference §5.7.8, §6.2): the list as a value, its file's text, and what
// an administrator's event adds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/identity.hpp"

namespace tiara::fabric {

inline constexpr std::string_view kRevocationTopic = "/mcafee/event/dxl/revocation/list";

inline constexpr std::size_t kMaxRevocations = 100'000;         // on the list
inline constexpr std::size_t kMaxRevocationsPerEvent = 10'000;  // lines of one event

// An immutable value: a change makes a new one, so that all threads may read it.
class RevocationList {
 public:
  RevocationList();
  // `thumbprints` lower-case, SHA-1 or SHA-256; `issuer_serials` as CRLs name certificates.
  explicit RevocationList(const std::vector<std::string>& thumbprints,
                          const std::vector<std::string>& issuer_serials = {});

  bool contains(std::string_view sha1, std::string_view sha256,
                std::string_view issuer_serial) const;
  // True if any certificate of the chain is on the list.
  bool revokes(const Identity& identity) const;
  std::size_t size() const;
  // Thumbprints only, in no order.
  std::vector<std::string> thumbprints() const;

 private:
  struct Sets;
  std::shared_ptr<const Sets> sets_;
};

// The thumbprints of a file: one per line, LF or CRLF, either case, `#` begins a comment. A broken
// line is kConfiguration with `name` and its number; more than kMaxRevocations is kLimitExceeded.
dxl::Result<std::vector<std::string>> parse_revocation_file(std::string_view text,
                                                            std::string_view name);

struct RevocationEvent {
  std::vector<std::string> thumbprints;
  std::string complaint;  // what was left out and why, for the log; empty: nothing
};
// The same lines in an event's payload. Good lines count although others are broken: who sends a
// list of stolen certificates with one slip in it must not find all of them still in use. More than
// kMaxRevocationsPerEvent lines: nothing counts.
RevocationEvent parse_revocation_event(std::string_view payload);

}  // namespace tiara::fabric
