// The numbers of a service's change events, which have no holes (extensions.md): tells when one is
// missing. For one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

namespace tiara::sdk {

class ChangeIds {
 public:
  enum class Seen : std::uint8_t {
    kInOrder,     // also one that was missing until now: events may overtake each other
    kHole,        // some before it are missing
    kOtherCount,  // smaller than expected: another service, or one that was set back
  };

  Seen add(std::uint64_t id) {
    if (last_ == 0 || id == last_ + 1) {
      last_ = id;
      return Seen::kInOrder;
    }
    if (id <= last_) {
      if (missing_.erase(id) != 0) return Seen::kInOrder;
      missing_.clear();
      last_ = id;
      return Seen::kOtherCount;
    }
    if (id - last_ - 1 > kMostMissing - missing_.size()) {
      too_many_ = true;
    } else {
      for (std::uint64_t one = last_ + 1; one < id; ++one) missing_.insert(one);
    }
    last_ = id;
    return Seen::kHole;
  }

  bool any_missing() const { return too_many_ || !missing_.empty(); }
  // Everything up to now is known some other way. What is missing may still come late, once.
  void forgive() {
    missing_.clear();
    too_many_ = false;
  }

 private:
  static constexpr std::size_t kMostMissing = 1'024;
  std::uint64_t last_ = 0;
  std::set<std::uint64_t> missing_;
  bool too_many_ = false;
};

}  // namespace tiara::sdk
