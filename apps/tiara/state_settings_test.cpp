#include "tiara/state_settings.hpp"

#include <gtest/gtest.h>

namespace tiara::app {
namespace {

TEST(StateSettings, EveryKeyReachesItsField) {
  const auto settings = parse_state_settings(
      "create_date = \"record\"\n"
      "listen.port = 1234\n"
      "tls.legacy_ciphers = false\n"
      "external.enabled = false\n"
      "external.require_filename = true\n"
      "lookup.count_scan_type_3 = true\n"
      "merge.learn = \"never\"\n"
      "prevalence.min_systems = 5\n"
      "prevalence.min_share = 0.5\n"
      "enterprise.size = 100\n"
      "authorization.accept_unidentified = true\n",
      "t");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->port, 1234);
  EXPECT_FALSE(settings->legacy_ciphers);
  const reputation::Settings& tie = settings->reputation;
  EXPECT_EQ(tie.create_date, reputation::Settings::CreateDate::kRecord);
  EXPECT_FALSE(tie.external_enabled);
  EXPECT_TRUE(tie.external_require_filename);
  EXPECT_TRUE(tie.lookup_count_scan_type_3);
  EXPECT_EQ(tie.merge_learn, reputation::Settings::MergeLearn::kNever);
  EXPECT_EQ(tie.prevalence_min_systems, 5u);
  EXPECT_EQ(tie.prevalence_min_share, 0.5);
  EXPECT_EQ(tie.enterprise_size, 100u);
  EXPECT_TRUE(tie.authorization_accept_unidentified);
}

TEST(StateSettings, InitialTextUncommentedIsTheDefaults) {
  std::string text = initial_state_settings_text();
  EXPECT_TRUE(parse_state_settings(text, "t"));
  // "#key = value" is a default; "# text" a comment.
  for (std::size_t at = text.find("\n#"); at != std::string::npos; at = text.find("\n#", at + 1))
    if (text[at + 2] != ' ') text.erase(at + 1, 1);
  const auto settings = parse_state_settings(text, "t");
  ASSERT_TRUE(settings) << settings.error().message;
  const reputation::Settings defaults;
  EXPECT_EQ(settings->port, 8883);
  EXPECT_TRUE(settings->legacy_ciphers);
  EXPECT_EQ(settings->reputation.prevalence_min_share, defaults.prevalence_min_share);
  EXPECT_EQ(settings->reputation.prevalence_min_systems, defaults.prevalence_min_systems);
  EXPECT_EQ(settings->reputation.merge_learn, defaults.merge_learn);
  EXPECT_EQ(settings->reputation.create_date, defaults.create_date);
}

TEST(StateSettings, RefuseValuesOutOfRange) {
  const std::pair<std::string, std::string> cases[] = {
      {"listen.port = 65536", "t:1: listen.port: expected 0 to 65535"},
      {"prevalence.min_share = 1.5", "t:1: prevalence.min_share: expected 0 to 1"},
      {"prevalence.min_share = nan", "t:1: prevalence.min_share: expected 0 to 1"},
      {"enterprise.size = -1", "t:1: enterprise.size: expected 0 to 1000000000"},
      {"merge.learn = \"maybe\"",
       "t:1: merge.learn: expected one of \"safe\", \"never\", \"always\""},
  };
  for (const auto& [text, message] : cases) {
    const auto settings = parse_state_settings(text, "t");
    ASSERT_FALSE(settings) << text;
    EXPECT_EQ(settings.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(settings.error().message, message);
  }
}

}  // namespace
}  // namespace tiara::app
