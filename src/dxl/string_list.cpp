#include "dxl/string_list.hpp"

#include "dxl/msgpack.hpp"

namespace dxl {

bool StringListView::contains(std::string_view value) const {
  bool found = false;
  for_each([&found, value](std::string_view element) { found = found || element == value; });
  return found;
}

std::vector<std::string> StringListView::to_strings() const {
  std::vector<std::string> strings;
  strings.reserve(count_);
  for_each([&strings](std::string_view element) { strings.emplace_back(element); });
  return strings;
}

std::string_view StringListView::take_wire_string(std::string_view& rest) {
  // The decoder has been over it: a missing string would be our bug, and reads as empty.
  return msgpack::take_string(rest).value_or(std::string_view());
}

}  // namespace dxl
