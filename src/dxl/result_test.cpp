#include "dxl/result.hpp"

#include <gtest/gtest.h>

#include <set>

namespace dxl {
namespace {

TEST(ErrorCode, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  const auto last = static_cast<int>(ErrorCode::kCancelled);
  for (int code = 0; code <= last; ++code) names.insert(to_string(static_cast<ErrorCode>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(to_string(ErrorCode::kTimedOut), "timed_out");
}

TEST(Result, CarriesTheErrorThatFailWasGiven) {
  const Result<int> result = fail(ErrorCode::kPeer, "no", 5);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kPeer);
  EXPECT_EQ(result.error().message, "no");
  EXPECT_EQ(result.error().peer_code, 5U);
}

}  // namespace
}  // namespace dxl
