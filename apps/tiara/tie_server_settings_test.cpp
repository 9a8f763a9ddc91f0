#include "tiara/tie_server_settings.hpp"

#include <gtest/gtest.h>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::app {
namespace {

class TieServerSettingsTest : public testing::Test {
 protected:
  dxl::Result<LoadedTieServer> load(const std::string& text, const SettingSources& sources = {}) {
    EXPECT_TRUE(broker::write_file_atomically(file_, text));
    return load_tie_server(file_, sources);
  }
  std::string error_of(const std::string& text) {
    const auto loaded = load(text);
    if (loaded) return "accepted";
    EXPECT_EQ(loaded.error().code, dxl::ErrorCode::kConfiguration);
    return loaded.error().message;
  }

  broker::TemporaryDirectory directory_;
  const std::filesystem::path file_ = directory_.path() / "tiara.toml";
};

TEST_F(TieServerSettingsTest, PathsAreRelativeToTheFile) {
  const auto loaded = load("[fabric]\nconfig = \"client/dxlclient.config\"\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->fabric_config, directory_.path() / "client/dxlclient.config");
  EXPECT_EQ(loaded->members, directory_.path() / "authorization.toml");
  EXPECT_EQ(loaded->store, directory_.path() / "store");
  EXPECT_EQ((loaded->directory / "store").lexically_normal(), loaded->store);
  EXPECT_FALSE(loaded->settings.trust_broker_certs);
}

TEST_F(TieServerSettingsTest, EveryKeyReachesItsField) {
  const auto loaded = load(
      "create_date = \"record\"\n"
      "[fabric]\nconfig = \"/f\"\n[store]\ndirectory = \"/s\"\n"
      "[server]\ndirectory = \"/d\"\nmembers = \"/m\"\ntrust_broker_certs = true\nfront_ends = 2\n"
      "[external]\nenabled = false\n[log]\nrepeats_per_minute = 3\n"
      "[limits]\nrequests_per_second = 4\n",
      {{"TIARA_RETENTION_DAYS=5"}, {{"updates.targeted", "true", "--set"}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->fabric_config, "/f");
  EXPECT_EQ(loaded->store, "/s");
  EXPECT_EQ(loaded->directory, "/d");
  EXPECT_EQ(loaded->members, "/m");
  EXPECT_TRUE(loaded->settings.trust_broker_certs);
  EXPECT_EQ(loaded->settings.front_ends, 2U);
  const reputation::Settings& tie = loaded->settings.reputation;
  EXPECT_EQ(tie.create_date, reputation::Settings::CreateDate::kRecord);
  EXPECT_FALSE(tie.external_enabled);
  EXPECT_EQ(tie.limits_requests_per_second, 4);
  EXPECT_EQ(tie.retention_days, 5);
  EXPECT_TRUE(tie.updates_targeted);
  EXPECT_EQ(loaded->settings.log.repeats, 3U);
}

TEST_F(TieServerSettingsTest, MistakesAreNamed) {
  EXPECT_EQ(load_tie_server(directory_.path() / "none", {}).error().code,
            dxl::ErrorCode::kConfiguration);
  const std::string name = file_.string();
  EXPECT_EQ(error_of(""),
            name + ": fabric.config is missing: the dxlclient.config of the service's client");
  EXPECT_EQ(error_of("fabric.config = \"f\"\nserver.members = \"\"\n"),
            name + ": server.members: expected a file");
  EXPECT_EQ(error_of("fabric.config = 1\n"), name + ":1: fabric.config: expected a string");
  EXPECT_EQ(error_of("fabric.config = \"f\"\nserver.front_ends = 9\n"),
            name + ":2: server.front_ends: expected 1 to 8");
  // The broker's are not this program's.
  EXPECT_TRUE(error_of("[listen]\nport = 1\n").starts_with(name + ":2: unknown key listen.port"));
}

TEST_F(TieServerSettingsTest, AReloadAppliesWhatTheServiceDoesAndNoPlace) {
  TieServerSettings settings;
  for (const broker::Setting& row : tie_server_rows(settings)) {
    const bool is_place = row.name.starts_with("fabric.") || row.name.starts_with("store.") ||
                          row.name.starts_with("server.") || row.name == "create_date";
    EXPECT_EQ(row.reloads, !is_place) << row.name;
  }
}

}  // namespace
}  // namespace tiara::app
