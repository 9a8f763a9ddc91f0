#include "dxl/string_list.hpp"

#include <gtest/gtest.h>

namespace dxl {
namespace {

TEST(StringList, ReadsTheSameFromViewsStringsAndWire) {
  const std::vector<std::string> strings{"a", "", "bc"};
  const std::vector<std::string_view> views{"a", "", "bc"};
  const std::string wire("\xa1\x61\xc0\xc4\x02\x62\x63", 7);  // raw, nil, bin
  for (const StringListView& list : {StringListView(std::span<const std::string>(strings)),
                                     StringListView(std::span<const std::string_view>(views)),
                                     StringListView::from_wire(wire, 3)}) {
    EXPECT_EQ(list.to_strings(), strings);
    EXPECT_EQ(list.size(), 3U);
    EXPECT_FALSE(list.empty());
    EXPECT_TRUE(list.contains("bc"));
    EXPECT_TRUE(list.contains(""));
    EXPECT_FALSE(list.contains("b"));
  }
}

TEST(StringList, IsEmptyByDefault) {
  const StringListView list;
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(list.contains(""));
  EXPECT_EQ(list.to_strings(), std::vector<std::string>{});
}

}  // namespace
}  // namespace dxl
