#include "base/edit_distance.hpp"

#include <gtest/gtest.h>

namespace tiara::base {
namespace {

TEST(EditDistance, CountsWhatIsPutInLeftOutAndChanged) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("scanner", "scanner"), 0u);
  EXPECT_EQ(edit_distance("scanner", ""), 7u);
  EXPECT_EQ(edit_distance("scaner", "scanner"), 1u);
  EXPECT_EQ(edit_distance("scanners", "scanner"), 1u);
  EXPECT_EQ(edit_distance("skanner", "scanner"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

}  // namespace
}  // namespace tiara::base
