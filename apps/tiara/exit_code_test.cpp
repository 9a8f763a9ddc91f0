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

TEST(ExitCode, ReportsSeveralMistakesOfAFileOnALineEach) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(report({ErrorCode::kConfiguration, "a:1: x\nb:2: \x1b[2J"}), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "tiara: a:1: x\nb:2: \\x1b[2J\n");
}

// CVE-2017-3907 of TIE's extension. Here a refusal's text, which another service chose, is shown.
TEST(LearntFrom, CVE_2017_3907_AnErrorOfAPeerIsOneInertLine) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(report({ErrorCode::kPeer, "no\ntiara: all is well\x1b]0;x\x07\xc2\x9b\xe2\x80\xae"}),
            7);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tiara: no\\x0atiara: all is well\\x1b]0;x\\x07\\u009b\\u202e\n");
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
