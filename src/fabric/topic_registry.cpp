#include "fabric/topic_registry.hpp"

#include "base/text_map.hpp"

namespace tiara::fabric {
namespace {

constexpr std::string_view kReplyTopicPrefix = "/mcafee/client/{";

// The part that is tracked, cut between two characters of UTF-8; empty if none is.
std::string_view tracked_part(std::string_view filter) {
  if (filter.starts_with(kReplyTopicPrefix)) return {};
  if (filter.size() <= kMaxTrackedTopicBytes) return filter;
  std::size_t end = kMaxTrackedTopicBytes;
  const auto is_inside_character = [&](std::size_t at) {
    return (static_cast<unsigned char>(filter[at]) & 0xc0U) == 0x80U;
  };
  while (end > 0 && is_inside_character(end)) --end;
  return filter.substr(0, end);
}

}  // namespace

struct TopicRegistry::Impl {
  base::TextMap<std::uint32_t> subscribers;
  std::uint64_t change_count = 0;
};

TopicRegistry::TopicRegistry() : impl_(std::make_unique<Impl>()) {}
TopicRegistry::~TopicRegistry() = default;

std::optional<std::string> TopicRegistry::add(std::string_view filter) {
  const std::string_view topic = tracked_part(filter);
  if (topic.empty() || impl_->subscribers[topic]++ > 0) return std::nullopt;
  ++impl_->change_count;
  return std::string(topic);
}

std::optional<std::string> TopicRegistry::remove(std::string_view filter) {
  const std::string_view topic = tracked_part(filter);
  const auto at = impl_->subscribers.find(topic);
  if (at == impl_->subscribers.end() || --at->second > 0) return std::nullopt;
  impl_->subscribers.erase(at);
  ++impl_->change_count;
  return std::string(topic);
}

std::uint64_t TopicRegistry::change_count() const { return impl_->change_count; }
bool TopicRegistry::contains(std::string_view topic) const {
  return impl_->subscribers.contains(topic);
}
std::size_t TopicRegistry::size() const { return impl_->subscribers.size(); }

}  // namespace tiara::fabric
