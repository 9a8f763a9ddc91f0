#include "broker/settings.hpp"

#include <gtest/gtest.h>

namespace tiara::broker {
namespace {

struct Example {
  bool enabled = true;
  std::int64_t size = 200;
  double share = 0.01;
  std::string mode = "safe";
  friend bool operator==(const Example&, const Example&) = default;
};

std::vector<Setting> rows(Example& into) {
  return {
      {"external.enabled", "Whether reports count.", true,
       [&into](const SettingValue& v) -> dxl::Result<void> {
         into.enabled = std::get<bool>(v);
         return {};
       }},
      {"mode", "One of safe, never.", std::string("safe"),
       [&into](const SettingValue& v) -> dxl::Result<void> {
         into.mode = std::get<std::string>(v);
         if (into.mode != "safe" && into.mode != "never")
           return dxl::fail(dxl::ErrorCode::kConfiguration, "expected safe or never");
         return {};
       }},
      {"prevalence.size", "Systems.", std::int64_t{200},
       [&into](const SettingValue& v) -> dxl::Result<void> {
         into.size = std::get<std::int64_t>(v);
         return {};
       }},
      {"prevalence.share", "Share of all.", 0.01,
       [&into](const SettingValue& v) -> dxl::Result<void> {
         into.share = std::get<double>(v);
         return {};
       }},
  };
}

TEST(Settings, TakeWhatTheFileSets) {
  Example example;
  ASSERT_TRUE(
      read_settings("mode = \"never\"\n[external]\nenabled = false\n"
                    "[prevalence]\nsize = 3\nshare = 1\n",
                    "tiara.toml", rows(example)));
  EXPECT_EQ(example, (Example{false, 3, 1.0, "never"}));
}

TEST(Settings, InitialTextNamesEveryKeyAndChangesNothing) {
  Example example;
  const std::string text = initial_settings_text(rows(example));
  EXPECT_EQ(text.substr(text.find("\n\n")),
            "\n\n# One of safe, never.\n#mode = \"safe\"\n"
            "\n[external]\n# Whether reports count.\n#enabled = true\n"
            "\n[prevalence]\n# Systems.\n#size = 200\n\n# Share of all.\n#share = 0.01\n");
  ASSERT_TRUE(read_settings(text, "tiara.toml", rows(example)));
  EXPECT_EQ(example, Example{});
}

TEST(Settings, NameFileLineAndKeyOfAMistake) {
  constexpr const char* kKnown =
      "; known are external.enabled, mode, prevalence.size, prevalence.share";
  const std::pair<std::string, std::string> cases[] = {
      {"\n[external]\nenable = true\n", std::string("t:3: unknown key external.enable") + kKnown},
      {"speed = 1", std::string("t:1: unknown key speed") + kKnown},
      {"[external]\nenabled = 1", "t:2: external.enabled: expected true or false"},
      {"[prevalence]\nsize = 0.5", "t:2: prevalence.size: expected an integer"},
      {"[prevalence]\nshare = \"1\"", "t:2: prevalence.share: expected a number"},
      {"mode = 2020-01-01", "t:1: mode: expected a string"},
      {"mode = [\"safe\"]", "t:1: mode: expected a string"},
      {"mode = \"other\"", "t:1: mode: expected safe or never"},
  };
  for (const auto& [text, message] : cases) {
    Example example;
    const auto result = read_settings(text, "t", rows(example));
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(result.error().message, message);
  }
}

TEST(Settings, RefuseMalformedTomlWithItsLine) {
  for (const char* text :
       {"\n[external\n", "\na = \n", "\na = 1\na = 2\n", "\n\xff = 1\n", "\na = \"unfinished\n"}) {
    Example example;
    const auto result = read_settings(text, "t", rows(example));
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(result.error().message.substr(0, 2), "t:") << result.error().message;
  }
}

TEST(Settings, RefuseNestingWithoutEnd) {
  Example example;
  EXPECT_FALSE(read_settings("a = " + std::string(100'000, '['), "t", rows(example)));
}

}  // namespace
}  // namespace tiara::broker
