// The distinct filters this broker's clients subscribe to, and how often that set changed (DXL
// reference §5.6.5, §5.7.5). Reply topics are not tracked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tiara::fabric {

// Longer filters are tracked, and announced, as their beginning.
inline constexpr std::size_t kMaxTrackedTopicBytes = 1023;

class TopicRegistry {
 public:
  TopicRegistry();
  ~TopicRegistry();

  // One more subscriber of `filter`. The tracked topic if it is the first one.
  std::optional<std::string> add(std::string_view filter);
  // One less; only what was added may be removed. The tracked topic if it was the last one.
  std::optional<std::string> remove(std::string_view filter);

  // Grows by one with each topic that add() or remove() returned.
  std::uint64_t change_count() const;
  // Whether this very text is tracked; wildcards mean nothing here.
  bool contains(std::string_view topic) const;
  std::size_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::fabric
