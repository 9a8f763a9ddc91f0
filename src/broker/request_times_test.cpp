#include "broker/request_times.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace tiara::broker {
namespace {

using std::chrono::milliseconds;

class RequestTimesTest : public testing::Test {
 protected:
  std::uint64_t measured() const {
    std::uint64_t count = 0;
    for (const std::uint64_t bucket : times_->snapshot().counts) count += bucket;
    return count;
  }

  const base::SteadyTime start_{std::chrono::hours(1)};
  std::unique_ptr<RequestTimes> times_ = std::make_unique<RequestTimes>();
};

TEST_F(RequestTimesTest, MeasureFromTheRequestToItsFirstAnswer) {
  times_->sent("{one}", start_);
  times_->sent("{two}", start_ + milliseconds(1));
  times_->answered("{one}", start_ + milliseconds(30));
  times_->answered("{one}", start_ + milliseconds(90));
  EXPECT_EQ(measured(), 1);
  EXPECT_DOUBLE_EQ(times_->snapshot().seconds, 0.030);
  times_->answered("{two}", start_ + milliseconds(3));
  EXPECT_EQ(measured(), 2);
  EXPECT_DOUBLE_EQ(times_->snapshot().seconds, 0.032);
}

TEST_F(RequestTimesTest, IgnoreAnswersThatNobodyAskedFor) {
  times_->answered("{never}", start_);
  times_->answered("", start_);
  EXPECT_EQ(measured(), 0);
}

TEST_F(RequestTimesTest, ForgetWhatWasNotAnsweredForAnHour) {
  times_->sent("{late}", start_);
  times_->answered("{late}", start_ + RequestTimes::kForgotten);
  EXPECT_EQ(measured(), 0);
}

TEST_F(RequestTimesTest, MeasureAcrossTheWrapOfTheMicroseconds) {
  const base::SteadyTime wrap{std::chrono::microseconds(std::int64_t{1} << 32)};
  times_->sent("{wrap}", wrap - milliseconds(4));
  times_->answered("{wrap}", wrap + milliseconds(6));
  EXPECT_DOUBLE_EQ(times_->snapshot().seconds, 0.010);
}

TEST_F(RequestTimesTest, KeepTheLatestOfManyThatWereNotAnswered) {
  for (int i = 0; i < 100'000; ++i) times_->sent("{" + std::to_string(i) + "}", start_);
  times_->answered("{99999}", start_ + milliseconds(1));
  EXPECT_EQ(measured(), 1);
}

}  // namespace
}  // namespace tiara::broker
