// One page of the reputation updates (TIE reference §3.7, L22), cut from the sequence of changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reputation/digest_key.hpp"

namespace tiara::reputation {

struct Update {
  std::int64_t time = 0;
  std::uint64_t id = 0;
  DigestKey subject;
};

struct UpdatesPage {
  std::vector<DigestKey> subjects;  // each once, at the place of its last change
  // Of the last item; without one, where the page begins; of the last change that was looked at, if
  // looking at more of them was too much.
  std::int64_t latest_update_time = 0;
  bool more = false;  // changes remain
};

// A page is the longest run of whole seconds whose changes fit the limit; until it holds a second
// later than `since`, one that does not fit is added nevertheless. So each page ends later than it
// began, and a reader who goes on from `latest_update_time` misses nothing. All changes count for
// the limit, also those of one subject: reading a page is bounded by the limit, by kMostSkipped
// that the asker does not want, and by one second.
class UpdatesPager {
 public:
  static constexpr std::size_t kMostSkipped = 10'000;

  UpdatesPager(std::int64_t since, std::size_t limit)
      : since_(since), limit_(limit), seen_(since) {}

  // Each change with time >= since, ascending by (time, id), in one of the two. False: the page is
  // complete, stop here.
  bool add(const Update& update);
  bool skip(std::int64_t time);  // one that the asker does not want
  UpdatesPage finish() &&;

 private:
  // Whether a change of a second at `time` may still be looked at.
  bool enter(std::int64_t time);

  std::int64_t since_;
  std::size_t limit_;
  std::int64_t seen_;  // the second looked at last; `since_` before the first
  std::size_t skipped_ = 0;
  std::vector<Update> changes_;
  std::size_t whole_ = 0;  // of them, in seconds that are complete and belong to the page
  bool more_ = false;
  bool tired_ = false;  // more_, because of kMostSkipped
};

}  // namespace tiara::reputation
