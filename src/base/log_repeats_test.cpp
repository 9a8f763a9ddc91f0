#include "base/log_repeats.hpp"

#include <gtest/gtest.h>

namespace tiara::base {
namespace {

constexpr LogRepeats::Time kStart{std::chrono::hours(1)};

LogRepeats::Verdict take(LogRepeats& repeats, std::string_view subject, LogRepeats::Time now) {
  return repeats.take(LogLevel::kInfo, "broker", "client.closed", subject, now);
}

TEST(LogRepeats, WritesSoManyAMinuteAndThenTellsTheRest) {
  LogRepeats repeats;
  repeats.set_limit(2);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(take(repeats, "a", kStart).write, i < 2);
  EXPECT_TRUE(take(repeats, "b", kStart).write);  // each subject has its own
  EXPECT_EQ(repeats.left_out(), 8U);
  EXPECT_FALSE(take(repeats, "a", kStart + std::chrono::seconds(59)).write);

  const auto next = take(repeats, "a", kStart + std::chrono::seconds(60));
  EXPECT_TRUE(next.write);
  ASSERT_TRUE(next.before);
  EXPECT_EQ(next.before->count, 9U);
  EXPECT_EQ(next.before->subject, "a");
  EXPECT_EQ(next.before->event, "client.closed");
}

TEST(LogRepeats, SweepTellsWhatNobodyContinued) {
  LogRepeats repeats;
  repeats.set_limit(1);
  for (int i = 0; i < 5; ++i) take(repeats, "a", kStart);
  take(repeats, "b", kStart);
  EXPECT_TRUE(repeats.sweep(kStart + std::chrono::seconds(59)).empty());
  const auto told = repeats.sweep(kStart + std::chrono::seconds(60));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 4U);
  EXPECT_TRUE(repeats.sweep(kStart + std::chrono::hours(1)).empty());
}

TEST(LogRepeats, ZeroMeansAll) {
  LogRepeats repeats;
  repeats.set_limit(0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(take(repeats, "a", kStart).write);
}

TEST(LogRepeats, ManySubjectsShareOnePlace) {
  LogRepeats repeats;
  repeats.set_limit(1);
  for (std::size_t i = 0; i < LogRepeats::kMaxKinds; ++i)
    EXPECT_TRUE(take(repeats, std::to_string(i), kStart).write);
  EXPECT_TRUE(take(repeats, "one too many", kStart).write);
  EXPECT_FALSE(take(repeats, "two too many", kStart).write);
  EXPECT_TRUE(repeats.take(LogLevel::kInfo, "tie", "other", "x", kStart).write);
  EXPECT_EQ(repeats.sweep(kStart + std::chrono::minutes(1)).at(0).subject, "(others)");
}

}  // namespace
}  // namespace tiara::base
