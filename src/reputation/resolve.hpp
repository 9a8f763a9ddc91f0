// What the writes of the engine have in common: which records a message means, whether it may tie
// digests together (TIE reference §6.10), and what becomes of them. Only this folder includes it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "reputation/engine.hpp"

namespace tiara::reputation {

// The records a message concerns, and what it makes of them before its own effect.
struct Resolved {
  std::vector<const FileRecord*> former;  // main and, when it teaches, those merged into it
  FileRecord record;                      // what the effect is applied to
  std::optional<tie::FileHashes> apart;   // digests no record has, when they may not be taught
  bool sent_elsewhere = false;            // a joining record had its first-instance event (L9)
  bool conflict = false;
};

// Refers to its arguments.
class Resolver {
 public:
  Resolver(const tie::FileHashes& supplied, const Known& known);

  bool unknown() const { return !match_.main; }
  // Rule 6; `writes` is the provider whose level the message brings, if any.
  bool may_teach(Settings::MergeLearn learn, std::optional<tie::Provider> writes) const;
  Resolved resolve(bool teach, std::int64_t now) const;

 private:
  tie::FileHashes unclaimed() const;
  tie::FileHashes without_conflicts(tie::FileHashes rest) const;

  const tie::FileHashes& supplied_;
  const Known& known_;
  Match match_;
};

// Puts the changed record, its moves and its events into the outcome.
void finish(const Resolved& resolved, FileRecord record, Outcome& outcome);

// Applies `effect` to the resolved record and, where digests had to stay apart, to a new record of
// theirs if `create_apart`. An effect returns false for what it did not believe.
using Effect = std::function<bool(FileRecord&)>;
Outcome write(const Resolved& resolved, bool create_apart, std::int64_t now, const Effect& effect);

}  // namespace tiara::reputation
