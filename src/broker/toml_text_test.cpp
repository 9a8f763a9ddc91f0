#include "broker/toml_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tiara::broker {
namespace {

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

std::string outcome(const std::string& text) {
  const auto parsed = parse_toml(text, "f");
  return parsed ? "ok" : parsed.error().message;
}

// The parser recurses for every part of a key: 20,000 of them ended the program.
TEST(TomlText, RefusesWhatNestsDeepBeforeItIsParsed) {
  const std::string dots = repeated("a.", 50'000), opened = repeated("[", 50'000);
  for (const std::string& text :
       {"x = 1\n" + dots + "b = 1\n", "x = 1\n[" + dots + "b]\n", "x = 1\n[[" + dots + "b]]\n",
        "x = 1\nt = {" + dots + "b = 1}\n", "x = 1\n" + repeated("\"a\" . ", 50'000) + "b = 1\n",
        "x = 1\nt = " + opened, "x = 1\nt = " + repeated("{a=", 50'000),
        "x = 1\nt = {s = \"\"\"q\"\"\"\", " + dots + "b = 1}\n",
        "x = 1\nt = {s = '''q''''', " + dots + "b = 1}\n"})
    EXPECT_THAT(outcome(text), testing::StartsWith("f:2: keys and brackets nested deeper than 16"))
        << text.substr(0, 40);
  EXPECT_THAT(outcome("s = \"\"\"\n\n\"\"\"\n" + dots + "b = 1\n"), testing::StartsWith("f:4: "));
}

TEST(TomlText, SaysWhatToDoAboutATableThatIsThereTwice) {
  EXPECT_THAT(outcome("[limits]\na = 1\n[limits]\nb = 1\n"),
              testing::AllOf(testing::StartsWith("f:3: "),
                             testing::EndsWith("write all keys of a table under one header")));
}

TEST(TomlText, TakesDotsThatAreNoKeys) {
  const std::string dots = repeated(".", 100), quotes = repeated("[{", 100);
  for (const std::string& text :
       {"a = \"" + dots + quotes + "\"\n", "a = '" + dots + quotes + "'\n",
        "a = \"\"\"\n" + dots + quotes + "\\\"\"\"\"\nb = 1\n",
        "a = '''\n" + dots + quotes + "\\'''\nb = 1\n", "# " + dots + quotes + "\na = 1\n",
        "a = [" + repeated("1.5, ", 100) + "]\n", repeated("[[a]]\nb.c = 1.5\n", 100),
        std::string("a = \"\\\\\"\n\"b\\\"\" = 1\n"), repeated("a.", 15) + "b = 1\n"})
    EXPECT_EQ(outcome(text), "ok") << text.substr(0, 40);
}

}  // namespace
}  // namespace tiara::broker
