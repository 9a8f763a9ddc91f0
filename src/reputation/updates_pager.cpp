#include "reputation/updates_pager.hpp"

#include <algorithm>

#include <absl/container/flat_hash_set.h>

namespace tiara::reputation {

bool UpdatesPager::add(const Update& update) {
  if (more_) return false;
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
  absl::flat_hash_set<DigestKey> listed;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change)
    if (listed.insert(change->subject).second) page.subjects.push_back(change->subject);
  std::reverse(page.subjects.begin(), page.subjects.end());
  return page;
}

}  // namespace tiara::reputation
