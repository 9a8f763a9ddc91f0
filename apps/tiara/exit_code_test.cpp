#include "tiara/exit_code.hpp"

#include <gtest/gtest.h>

namespace tiara::app {
namespace {

using dxl::ErrorCode;

TEST(ExitCode, FollowsTheContract) {
  const std::pair<ErrorCode, int> cases[] = {
      {ErrorCode::kInvalidArgument, 2}, {ErrorCode::kMalformed, 7},
      {ErrorCode::kLimitExceeded, 7},   {ErrorCode::kConfiguration, 2},
      {ErrorCode::kConnect, 3},         {ErrorCode::kTls, 4},
      {ErrorCode::kNotConnected, 3},    {ErrorCode::kTimedOut, 6},
      {ErrorCode::kNotAuthorised, 5},   {ErrorCode::kPeer, 7},
      {ErrorCode::kUnavailable, 7},     {ErrorCode::kStorage, 8},
      {ErrorCode::kInUse, 8},           {ErrorCode::kCancelled, 7},
  };
  for (const auto& [error, code] : cases) EXPECT_EQ(exit_code(error), code) << to_string(error);
}

TEST(ExitCode, OfSeveralResults) {
  const std::pair<std::vector<int>, int> cases[] = {
      {{}, 0},     {{0, 0}, 0},    {{2, 2}, 2}, {{0, 1}, 1},    {{1, 0}, 1}, {{1, 1}, 1},
      {{0, 2}, 7}, {{2, 0, 0}, 7}, {{1, 6}, 7}, {{0, 1, 5}, 7}, {{3}, 3},
  };
  for (const auto& [codes, total] : cases) {
    ExitCodes sum;
    for (const int code : codes) sum.add(code);
    EXPECT_EQ(sum.total(), total) << testing::PrintToString(codes);
  }
}

}  // namespace
}  // namespace tiara::app
