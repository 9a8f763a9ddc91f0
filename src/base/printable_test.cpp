#include "base/printable.hpp"

#include <gtest/gtest.h>

#include "base/log.hpp"

namespace tiara::base {
namespace {

TEST(Printable, EscapesWhatATerminalObeysAndKeepsTheRest) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80",
       "plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"a\r\n\tb", "a\\x0d\\x0a\\x09b"},
      {"\x1b]0;title\x07\x7f", "\\x1b]0;title\\x07\\x7f"},
      {"\xc2\x9b[2J", "\\u009b[2J"},                      // CSI as one character
      {"\x9b[2J\xff", "\\x9b[2J\\xff"},                   // and as one byte
      {"evil\xe2\x80\xaegpj.exe", "evil\\u202egpj.exe"},  // shown as evilexe.jpg
      {"a\xe2\x80\xa8\xd8\x9c\xe2\x81\xa6", "a\\u2028\\u061c\\u2066"},
      {"\xc2\xa0\xe2\x80\xa7\xe2\x80\xaf", "\xc2\xa0\xe2\x80\xa7\xe2\x80\xaf"},  // the neighbours
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(printable(text), expected);
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Printable, JsonStaysTheSameJson) {
  EXPECT_EQ(printable_json("{\"a\":\"x\xc2\x9b\x7f\xe2\x80\xae\xc3\xbc\"}\n"),
            "{\"a\":\"x\\u009b\\u007f\\u202e\xc3\xbc\"}\n");
}

// CVE-2017-3907 of TIE's extension: names that came from outside were shown as they came. What an
// administrator looks at here is the log, in either format.
TEST(LearntFrom, CVE_2017_3907_NamesInTheLogAreInertInBothFormats) {
  const std::string_view name = "<b>\x1b[2J\xc2\x9b\n2026 info ok\xe2\x80\xaegpj.exe\x9b\"}";
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    set_log_format(format);
    testing::internal::CaptureStderr();
    log_event(LogLevel::kWarning, "tie", "report.refused", "", {{"name", name}}, name);
    const std::string line = testing::internal::GetCapturedStderr();
    EXPECT_EQ(printable(line.substr(0, line.size() - 1)) + "\n", line);
    EXPECT_NE(line.find("\\u202egpj.exe"), std::string::npos) << line;
  }
  set_log_format(LogFormat::kText);
}

TEST(ReadableName, IsWhatOneCanSee) {
  for (const std::string_view name :
       {"a", "J\u00fcrgen", "a b", "\u4e2d\u6587", "caf\u0065\u0301", "\U0001F600"})
    EXPECT_TRUE(is_readable_name(name)) << name;
  for (const std::string_view name : {"", " ", "  ", " a", "a ", "\u00a0", "\u3000a", "a\u200bb",
                                      "\u200b", "a\u202eb", "a\u2028b", "\xc2\x80", "a\u2066b",
                                      "\ufeff"
                                      "a",
                                      "a\u00adb", "a\n", "a\x7f", "a\xff", "a\U000E0041b"})
    EXPECT_FALSE(is_readable_name(name)) << printable(name);
}

}  // namespace
}  // namespace tiara::base
