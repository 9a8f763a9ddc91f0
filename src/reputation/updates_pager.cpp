#include "reputation/updates_pager.hpp"

#include <algorithm>

#include <absl/container/flat_hash_set.h>

namespace tiara::reputation {

// What has been looked at so far is whole seconds whenever another one begins.
bool UpdatesPager::enter(std::int64_t time) {
  if (more_) return false;
  if (time != seen_ && seen_ > since_ && skipped_ >= kMostSkipped) {
    more_ = tired_ = true;
    return false;
  }
  seen_ = time;
  return true;
}

bool UpdatesPager::skip(std::int64_t time) {
  if (!enter(time)) return false;
  ++skipped_;
  return true;
}

bool UpdatesPager::add(const Update& update) {
  if (!enter(update.time)) return false;
  if (!changes_.empty() && update.time != changes_.back().time) whole_ = changes_.size();
  // What is whole ends later than it began: from here on the limit holds.
  const bool limited = whole_ != 0 && changes_[whole_ - 1].time > since_;
  if (limited && changes_.size() >= limit_) {
    changes_.resize(whole_);
    more_ = true;
    return false;
  }
  changes_.push_back(update);
  return true;
}

UpdatesPage UpdatesPager::finish() && {
  UpdatesPage page{.subjects = {}, .latest_update_time = since_, .more = more_};
  if (!changes_.empty()) page.latest_update_time = changes_.back().time;
  if (tired_) page.latest_update_time = seen_;
  absl::flat_hash_set<DigestKey> listed;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change)
    if (listed.insert(change->subject).second) page.subjects.push_back(change->subject);
  std::reverse(page.subjects.begin(), page.subjects.end());
  return page;
}

}  // namespace tiara::reputation
