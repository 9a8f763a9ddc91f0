#include "tie/updates_reader.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace tie {

UpdatesReader::UpdatesReader(Client& client, GetUpdates from)
    : client_(client), request_(std::move(from)) {
  if (!request_.query_limit) request_.query_limit = kMaxQueryLimit;
}

dxl::Result<std::optional<Updates>> UpdatesReader::next() {
  if (std::exchange(done_, false)) return std::optional<Updates>();
  while (true) {
    auto page = client_.get_updates(request_);
    if (!page) return dxl::fail(page.error());
    const std::int64_t before = request_.since;
    request_.since = std::max(before, page->latest_update_time);
    if (!page->more) {
      // A page without an item is none; one with items is the last.
      if (page->files.empty() && page->certificates.empty()) return std::optional<Updates>();
      done_ = true;
      return std::optional(std::move(*page));
    }
    if (request_.since > before) return std::optional(std::move(*page));
    // The page ends in the second in which it began: asked again, it would be the same.
    if (*request_.query_limit < kMaxQueryLimit) {
      request_.query_limit = kMaxQueryLimit;
      continue;
    }
    if (before == std::numeric_limits<std::int64_t>::max()) {
      return dxl::fail(dxl::ErrorCode::kMalformed, "updates: a time without another one after it");
    }
    request_.since = before + 1;
    return dxl::fail(dxl::ErrorCode::kLimitExceeded,
                     fmt::format("updates: the service shows only {} changes of the second {} and "
                                 "has more",
                                 page->files.size() + page->certificates.size(), before));
  }
}

}  // namespace tie
