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

TEST(Settings, EveryMistakeOfAFileIsToldAtOnce) {
  Example example;
  const auto read = read_settings_text(
      "mood = 1\n[external]\nenabled = 3\n[prevalence]\nsize = 3\n", "t", rows(example));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "t:3: external.enabled: expected true or false\n"
            "t:1: unknown key mood; known are external.enabled, mode, prevalence.size, "
            "prevalence.share");
}

TEST(Settings, TheEnvironmentSetsEveryKindOfValue) {
  Example example;
  const auto read =
      read_settings_environment({"PATH=/bin", "TIARA_EXTERNAL_ENABLED=false", "TIARA_MODE=never",
                                 "TIARA_PREVALENCE_SIZE=-7", "TIARA_PREVALENCE_SHARE=0.5"},
                                rows(example));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(apply_settings({*read}, rows(example)));
  EXPECT_EQ(example, (Example{false, -7, 0.5, "never"}));
}

TEST(Settings, TheEnvironmentsMistakesNameTheVariable) {
  const std::pair<std::string, std::string> cases[] = {
      {"TIARA_PREVALENCE_SIZE=many", "TIARA_PREVALENCE_SIZE: expected an integer, found \"many\""},
      {"TIARA_PREVALENCE_SIZE=1 ", "TIARA_PREVALENCE_SIZE: expected an integer, found \"1 \""},
      {"TIARA_PREVALENCE_SIZE", "TIARA_PREVALENCE_SIZE: expected an integer, found \"\""},
      {"TIARA_EXTERNAL_ENABLED=yes",
       "TIARA_EXTERNAL_ENABLED: expected true or false, found \"yes\""},
      {"TIARA_PREVALENCE_SIZES=1",
       "TIARA_PREVALENCE_SIZES: no such setting; the nearest is TIARA_PREVALENCE_SIZE"},
      {"TIARA_PREVALENCE_WHATEVER=1",
       "TIARA_PREVALENCE_WHATEVER: no such setting; the nearest is TIARA_PREVALENCE_SHARE"},
      {"TIARA_PREVALANCE_SIZE=1",
       "TIARA_PREVALANCE_SIZE: no such setting; the nearest is TIARA_PREVALENCE_SIZE"},
      {"TIARA_MODE=maybe", "TIARA_MODE: expected safe or never"},
  };
  for (const auto& [variable, message] : cases) {
    Example example;
    auto read = read_settings_environment({variable}, rows(example));
    if (read) read = apply_settings({*read}, rows(example));
    ASSERT_FALSE(read) << variable;
    EXPECT_EQ(read.error().message, message);
  }
}

TEST(Settings, OtherVariablesOfThatPrefixAreNobodysMistake) {
  Example example;
  EXPECT_TRUE(read_settings_environment(
      {"TIARA_TEST_DEADLINE=60", "TIARA_BINARY_FOLDER=/x", "TIARA=1"}, rows(example)));
}

TEST(Settings, TheStrongerLayerWinsAndTheOriginSaysWhich) {
  Example example;
  const auto settings = rows(example);
  const auto file =
      read_settings_text("mode = \"never\"\n[prevalence]\nsize = 1\nshare = 0.5\n", "f", settings);
  const auto environment =
      read_settings_environment({"TIARA_PREVALENCE_SIZE=2", "TIARA_PREVALENCE_SHARE=1"}, settings);
  const auto arguments = read_settings_arguments({{"prevalence.size", "3", "--size"}}, settings);
  ASSERT_TRUE(file && environment && arguments);
  const auto holds = apply_settings({*file, *environment, *arguments}, settings);
  ASSERT_TRUE(holds) << holds.error().message;
  EXPECT_EQ(example, (Example{true, 3, 1.0, "never"}));
  EXPECT_EQ(*holds, (SetValues{{"external.enabled", {true, "default"}},
                               {"mode", {std::string("never"), "f:1"}},
                               {"prevalence.share", {1.0, "TIARA_PREVALENCE_SHARE"}},
                               {"prevalence.size", {std::int64_t{3}, "--size"}}}));
}

TEST(Settings, ABadValueIsAnErrorEvenBelowAGoodOne) {
  Example example;
  const auto settings = rows(example);
  const auto file = read_settings_text("mode = \"maybe\"\n", "f", settings);
  const auto environment = read_settings_environment({"TIARA_MODE=never"}, settings);
  ASSERT_TRUE(file && environment);
  const auto holds = apply_settings({*file, *environment}, settings);
  ASSERT_FALSE(holds);
  EXPECT_EQ(holds.error().message, "f:1: mode: expected safe or never");
}

TEST(Settings, ArgumentsNameTheirFlag) {
  Example example;
  const auto read = read_settings_arguments(
      {{"mood", "1", "--set"}, {"prevalence.size", "x", "--size"}}, rows(example));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "--set: unknown key mood; known are external.enabled, mode, prevalence.size, "
            "prevalence.share\n--size: prevalence.size: expected an integer, found \"x\"");
}

}  // namespace
}  // namespace tiara::broker
