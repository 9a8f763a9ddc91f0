#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace tiara::base {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

constexpr std::string_view kTime =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z";

TEST(Log, WritesOneLineWithTimeLevelAndAreaBeforeItIsStarted) {
  CaptureStderr();
  log(LogLevel::kInfo, "broker", "{} clients", 3);
  EXPECT_THAT(GetCapturedStderr(),
              testing::MatchesRegex(fmt::format("{} info  broker  3 clients\n", kTime)));
}

TEST(Log, LeavesOutLinesBelowTheMinimum) {
  EXPECT_FALSE(log_enabled(LogLevel::kDebug));
  CaptureStderr();
  log(LogLevel::kDebug, "tie", "not seen");
  log_line(LogLevel::kDebug, "tie", "not seen");
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Log, EscapesControlCharactersAndKeepsUtf8) {
  CaptureStderr();
  log_line(LogLevel::kWarning, "tie", "a\nb\x1b[31m\x7f\xc2\x9b \xc3\xbc");
  EXPECT_THAT(GetCapturedStderr(),
              testing::EndsWith(" warn  tie     a\\x0ab\\x1b[31m\\x7f\\u009b \xc3\xbc\n"));
}

TEST(Log, WritesQueuedLinesInOrderBeforeStopping) {
  CaptureStderr();
  start_log(LogLevel::kInfo);
  for (int i = 0; i < 100; ++i) log(LogLevel::kError, "net", "line {}", i);
  EXPECT_TRUE(stop_log());
  EXPECT_TRUE(stop_log());  // a second stop is harmless
  log(LogLevel::kInfo, "net", "after the stop");
  const std::string written = GetCapturedStderr();
  std::size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = written.find(fmt::format(" error net     line {}\n", i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_THAT(written, testing::EndsWith(" info  net     after the stop\n"));
  EXPECT_EQ(dropped_log_lines(), 0U);
}

// Sets the format for a test.
class JsonLog : public testing::Test {
 protected:
  JsonLog() { set_log_format(LogFormat::kJson); }
  ~JsonLog() override { set_log_format(LogFormat::kText); }
};

TEST_F(JsonLog, WritesOneObjectWithTheEventAndItsFields) {
  CaptureStderr();
  log_event(LogLevel::kWarning, "broker", "client.closed", "",
            {{"client", "[::1]:7"}, {"name", ""}}, "client [::1]:7 closed");
  EXPECT_THAT(GetCapturedStderr(), testing::MatchesRegex(fmt::format(
                                       "\\{{\"time\":\"{}\",\"level\":\"warn\",\"area\":\"broker\","
                                       "\"event\":\"client.closed\",\"client\":\"\\[::1\\]:7\","
                                       "\"message\":\"client \\[::1\\]:7 closed\"\\}}\n",
                                       kTime)));
}

TEST_F(JsonLog, NobodyBreaksOutOfAValue) {
  CaptureStderr();
  log_line(LogLevel::kInfo, "tie", "a\"},\n{\"event\":\"x\\\xff\xc2\x9b\x7f\xc3\xbc");
  const std::string line = GetCapturedStderr();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line,
              testing::EndsWith("\"event\":\"message\",\"message\":\"a\\\"},\\u000a{\\\"event\\"
                                "\":\\\"x\\\\\\ufffd\\u009b\\u007f\xc3\xbc\"}\n"));
}

TEST(Log, TheLevelChangesWhileRunning) {
  set_log_level(LogLevel::kError);
  EXPECT_FALSE(log_enabled(LogLevel::kWarning));
  set_log_level(LogLevel::kInfo);
  EXPECT_TRUE(log_enabled(LogLevel::kWarning));
}

TEST(Log, RepeatedEventsOfOneSubjectAreCounted) {
  set_log_repeats(3);
  const std::uint64_t before = repeated_log_lines();
  CaptureStderr();
  for (int i = 0; i < 10; ++i)
    log_event(LogLevel::kInfo, "broker", "test.repeated", "somebody", {}, "line");
  const std::string written = GetCapturedStderr();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 3);
  EXPECT_EQ(repeated_log_lines() - before, 7U);
  set_log_repeats(60);
}

}  // namespace
}  // namespace tiara::base
