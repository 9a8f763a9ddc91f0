// The last few message ids. A broker sends one copy of an event per matching subscription, one
// behind the other; with overlapping filters the copies must not become repeated callbacks.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace tiara::sdk {

class RecentIds {
 public:
  // True if `id` was seen among the last kKept; remembers it otherwise. No id is never seen.
  bool seen(std::string_view id) {
    if (id.empty()) return false;
    for (const std::string& known : ids_) {
      if (known == id) return true;
    }
    ids_[next_].assign(id);
    next_ = (next_ + 1) % kKept;
    return false;
  }

 private:
  static constexpr std::size_t kKept = 32;
  std::array<std::string, kKept> ids_;
  std::size_t next_ = 0;
};

}  // namespace tiara::sdk
