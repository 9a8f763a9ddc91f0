// What became of the External reports, for whoever sent them (extensions.md). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tie/codec.hpp"

namespace tiara::service {

class ReportLog {
 public:
  explicit ReportLog(std::size_t kept = 10'000);
  ~ReportLog();

  // Forgets the oldest beyond the limit. Reports of unknown senders, and those whose message id is
  // not a sensible one, are not kept: nobody could ask for them.
  void add(std::string_view sender, std::string_view message_id, tie::ReportOutcome outcome);
  // "unknown" with time 0 if that sender's report was not seen or is forgotten.
  tie::ReportOutcome find(std::string_view sender, std::string_view message_id) const;
  // The same whoever sent it, for administrators. Looks through all that is kept.
  tie::ReportOutcome find_from_anybody(std::string_view message_id) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::service
