// A list of strings that is read where it lies: in a decoded message, or in the caller's
// containers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dxl {

// Borrowed; valid as long as what it was made from. Wire regions were validated by the decoder, so
// reading cannot fail.
class StringListView {
 public:
  StringListView() = default;
  StringListView(std::span<const std::string_view> views)  // NOLINT(google-explicit-constructor)
      : views_(views.data()), count_(views.size()) {}
  StringListView(std::span<const std::string> strings)  // NOLINT(google-explicit-constructor)
      : strings_(strings.data()), count_(strings.size()) {}

  // `region` holds exactly `count` msgpack strings, already validated.
  static StringListView from_wire(std::string_view region, std::size_t count) {
    StringListView list;
    list.wire_ = region;
    list.count_ = count;
    return list;
  }

  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  bool contains(std::string_view value) const;
  std::vector<std::string> to_strings() const;

  // Calls `f(std::string_view)` for each element in order, without allocating.
  template <class F>
  void for_each(F&& f) const {
    if (views_ != nullptr) {
      for (std::size_t i = 0; i < count_; ++i) f(views_[i]);
    } else if (strings_ != nullptr) {
      for (std::size_t i = 0; i < count_; ++i) f(std::string_view(strings_[i]));
    } else {
      std::string_view rest = wire_;
      for (std::size_t i = 0; i < count_; ++i) f(take_wire_string(rest));
    }
  }

 private:
  static std::string_view take_wire_string(std::string_view& rest);

  const std::string_view* views_ = nullptr;
  const std::string* strings_ = nullptr;
  std::string_view wire_;
  std::size_t count_ = 0;
};

}  // namespace dxl
