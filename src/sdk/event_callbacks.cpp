#include "sdk/event_callbacks.hpp"

#include <algorithm>
#include <utility>

#include "dxl/topic.hpp"

namespace tiara::sdk {
namespace {

// Debian's absl has a string_view of its own.
absl::string_view key_of(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void EventCallbacks::add(const std::string& filter, std::shared_ptr<EventEntry> entry) {
  const std::lock_guard lock(mutex_);
  if (!dxl::has_wildcard(filter)) {
    exact_[filter].push_back(std::move(entry));
    return;
  }
  auto found = std::find_if(wildcards_.begin(), wildcards_.end(),
                            [&](const Wildcard& wildcard) { return wildcard.filter == filter; });
  if (found == wildcards_.end()) found = wildcards_.insert(found, Wildcard{filter, {}});
  found->entries.push_back(std::move(entry));
}

void EventCallbacks::remove(const std::string& filter, const std::shared_ptr<EventEntry>& entry) {
  const std::lock_guard lock(mutex_);
  if (const auto found = exact_.find(filter); found != exact_.end()) {
    std::erase(found->second, entry);
    if (found->second.empty()) exact_.erase(found);
    return;
  }
  std::erase_if(wildcards_, [&](Wildcard& wildcard) {
    if (wildcard.filter == filter) std::erase(wildcard.entries, entry);
    return wildcard.entries.empty();
  });
}

std::size_t EventCallbacks::count_filters(std::string_view topic) const {
  const std::lock_guard lock(mutex_);
  const auto matching = std::count_if(
      wildcards_.begin(), wildcards_.end(),
      [&](const Wildcard& wildcard) { return dxl::filter_matches(wildcard.filter, topic); });
  return static_cast<std::size_t>(matching) + (exact_.contains(key_of(topic)) ? 1 : 0);
}

std::vector<std::shared_ptr<EventEntry>> EventCallbacks::find(std::string_view topic) const {
  std::vector<std::shared_ptr<EventEntry>> entries;
  const std::lock_guard lock(mutex_);
  if (const auto found = exact_.find(key_of(topic)); found != exact_.end()) entries = found->second;
  std::vector<const Wildcard*> matching;
  for (const Wildcard& wildcard : wildcards_) {
    if (dxl::callback_matches(wildcard.filter, topic)) matching.push_back(&wildcard);
  }
  // Nearest first, as the walk of §4.4 comes to them.
  std::stable_sort(matching.begin(), matching.end(), [](const Wildcard* a, const Wildcard* b) {
    return a->filter.size() > b->filter.size();
  });
  for (const Wildcard* wildcard : matching) {
    entries.insert(entries.end(), wildcard->entries.begin(), wildcard->entries.end());
  }
  return entries;
}

}  // namespace tiara::sdk
