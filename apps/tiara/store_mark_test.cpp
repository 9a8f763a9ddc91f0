#include "tiara/store_mark.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::app {
namespace {

using testing::HasSubstr;

class StoreMarkTest : public testing::Test {
 protected:
  void expect_refused() const {
    const auto refused = check_store_kept(mark_, store_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, dxl::ErrorCode::kStorage);
    EXPECT_THAT(refused.error().message, HasSubstr("is missing; mount its disk"));
    EXPECT_THAT(refused.error().message, HasSubstr("remove " + mark_.string()));
  }

  broker::TemporaryDirectory directory_;
  const std::filesystem::path mark_ = directory_.path() / "store-id";
  const std::filesystem::path store_ = directory_.path() / "store";
};

TEST_F(StoreMarkTest, WithoutAMarkAStoreMayBeginAnywhere) {
  EXPECT_TRUE(check_store_kept(mark_, store_));
  std::filesystem::create_directory(store_);
  EXPECT_TRUE(check_store_kept(mark_, store_));
}

TEST_F(StoreMarkTest, WithAMarkAnAbsentOrEmptyStoreIsRefused) {
  ASSERT_TRUE(mark_store(mark_, "abcd"));
  EXPECT_EQ(*broker::read_file(mark_), "abcd\n");
  expect_refused();
  std::filesystem::create_directory(store_);
  expect_refused();
  std::filesystem::create_directory(store_ / "lost+found");
  expect_refused();
  std::ofstream(store_ / "CURRENT") << "x";
  EXPECT_TRUE(check_store_kept(mark_, store_));
}

TEST_F(StoreMarkTest, ARestoredStoreMayBeAnother) {
  ASSERT_TRUE(mark_store(mark_, "abcd"));
  ASSERT_TRUE(mark_store(mark_, "ef01"));
  EXPECT_EQ(*broker::read_file(mark_), "ef01\n");
  EXPECT_EQ(broker::mode_of(mark_), 0600u);
}

}  // namespace
}  // namespace tiara::app
