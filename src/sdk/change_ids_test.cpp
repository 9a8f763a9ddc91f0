#include "sdk/change_ids.hpp"

#include <gtest/gtest.h>

namespace tiara::sdk {
namespace {

using Seen = ChangeIds::Seen;

TEST(ChangeIds, BeginAnywhereAndCountByOne) {
  ChangeIds ids;
  EXPECT_EQ(ids.add(17), Seen::kInOrder);
  EXPECT_EQ(ids.add(18), Seen::kInOrder);
  EXPECT_FALSE(ids.any_missing());
}

TEST(ChangeIds, AHoleClosesWhenTheMissingOnesCome) {
  ChangeIds ids;
  ids.add(1);
  EXPECT_EQ(ids.add(4), Seen::kHole);
  EXPECT_EQ(ids.add(3), Seen::kInOrder);
  EXPECT_TRUE(ids.any_missing());
  EXPECT_EQ(ids.add(2), Seen::kInOrder);
  EXPECT_FALSE(ids.any_missing());
  EXPECT_EQ(ids.add(5), Seen::kInOrder);
}

TEST(ChangeIds, ASmallerNumberIsAnotherCount) {
  ChangeIds ids;
  ids.add(10);
  EXPECT_EQ(ids.add(10), Seen::kOtherCount);
  EXPECT_EQ(ids.add(3), Seen::kOtherCount);
  EXPECT_EQ(ids.add(4), Seen::kInOrder);
}

TEST(ChangeIds, AHugeHoleCostsNoMemoryAndStaysOpenUntilForgiven) {
  ChangeIds ids;
  ids.add(1);
  EXPECT_EQ(ids.add(1'000'000'000'000), Seen::kHole);
  EXPECT_TRUE(ids.any_missing());
  ids.forgive();
  EXPECT_FALSE(ids.any_missing());
  EXPECT_EQ(ids.add(1'000'000'000'001), Seen::kInOrder);
}

}  // namespace
}  // namespace tiara::sdk
