#include "session/request_table.hpp"

#include <algorithm>

namespace tiara::session {
namespace {

// Ended requests leave their heap entry behind; beyond this and twice the live ones it is rebuilt.
constexpr std::size_t kStaleDeadlines = 64;

}  // namespace

bool RequestTable::add(std::string_view message_id, RequestToken token, base::SteadyTime deadline) {
  if (by_id_.contains(message_id) || by_token_.contains(token)) return false;
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.message_id.assign(message_id);
  slot.token = token;
  slot.use = ++uses_;
  by_id_.emplace(slot.message_id, index);
  by_token_.emplace(token, index);
  if (heap_.size() > kStaleDeadlines + 2 * by_id_.size()) {
    std::erase_if(heap_, [this](const Deadline& entry) { return !current(entry); });
    std::make_heap(heap_.begin(), heap_.end(), later);
  }
  heap_.push_back({deadline, index, slot.use});
  std::push_heap(heap_.begin(), heap_.end(), later);
  return true;
}

std::optional<RequestToken> RequestTable::take(std::string_view message_id) {
  const auto found = by_id_.find(message_id);
  if (found == by_id_.end()) return std::nullopt;
  return release(found->second);
}

std::optional<RequestToken> RequestTable::take_expired(base::SteadyTime now) {
  drop_stale();
  if (heap_.empty() || heap_.front().time > now) return std::nullopt;
  return release(heap_.front().slot);
}

std::optional<RequestToken> RequestTable::take_any() {
  if (by_token_.empty()) return std::nullopt;
  return release(by_token_.begin()->second);
}

bool RequestTable::cancel(RequestToken token) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return false;
  release(found->second);
  return true;
}

base::SteadyTime RequestTable::next_deadline() {
  drop_stale();
  return heap_.empty() ? base::SteadyTime::max() : heap_.front().time;
}

RequestToken RequestTable::release(std::uint32_t index) {
  Slot& slot = slots_[index];
  by_id_.erase(slot.message_id);
  by_token_.erase(slot.token);
  slot.use = 0;
  free_.push_back(index);
  return slot.token;
}

void RequestTable::drop_stale() {
  while (!heap_.empty() && !current(heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
  }
}

}  // namespace tiara::session
