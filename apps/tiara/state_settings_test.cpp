#include "tiara/state_settings.hpp"

#include <gtest/gtest.h>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"
#include "tie/reputation.hpp"

namespace tiara::app {
namespace {

TEST(StateSettings, EveryKeyReachesItsField) {
  const auto settings = parse_state_settings(
      "create_date = \"record\"\n"
      "listen.port = 1234\n"
      "tls.legacy_python_ciphers = true\n"
      "external.enabled = false\n"
      "external.require_filename = true\n"
      "lookup.count_scan_type_3 = true\n"
      "merge.learn = \"never\"\n"
      "prevalence.min_systems = 5\n"
      "prevalence.min_share = 0.5\n"
      "enterprise.size = 100\n"
      "authorization.accept_unidentified = true\n"
      "external.max_age_days = 11\n"
      "query_limit.default = 12\n"
      "updates.default_limit = 13\n"
      "updates.targeted = true\n"
      "overridden.max_files = 14\n"
      "retention.days = 15\n"
      "retention.days_by_type = \"PEEXE:16, 17:17\"\n"
      "events.targeted = \"enrolled\"\n"
      "identity.trusted_senders = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, "
      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n"
      "listen.ws_port = 4321\n"
      "[broker]\nthreads = 3\nservice_zones = \"b, root\"\nsend_connect_events = true\n"
      "test_mode = true\n"
      "[limits]\nmessage_bytes = 2048\nconnect_bytes = 100\nconnections = 7\nhandshakes = 8\n"
      "subscriptions_per_client = 9\nsubscription_bytes_per_client = 2000\ntopic_bytes = 100\n"
      "topic_levels = 11\npublish_rate = 12\nrequest_backlog_bytes = 4096\n"
      "outgoing_bytes = 70000\nbuffered_bytes = 2000000\nslow_consumer = \"drop\"\n"
      "handshake_seconds = 13\nconnect_seconds = 14\nkeep_alive_seconds = 15\n"
      "requests_per_second = 16\n",
      "t");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->port, 1234);
  EXPECT_TRUE(settings->legacy_python_ciphers);
  const reputation::Settings& tie = settings->reputation;
  const auto peexe = tie::parse_file_type("PEEXE");
  ASSERT_TRUE(peexe);
  EXPECT_EQ(tie.create_date, reputation::Settings::CreateDate::kRecord);
  EXPECT_FALSE(tie.external_enabled);
  EXPECT_TRUE(tie.external_require_filename);
  EXPECT_TRUE(tie.lookup_count_scan_type_3);
  EXPECT_EQ(tie.merge_learn, reputation::Settings::MergeLearn::kNever);
  EXPECT_EQ(tie.prevalence_min_systems, 5u);
  EXPECT_EQ(tie.prevalence_min_share, 0.5);
  EXPECT_EQ(tie.enterprise_size, 100u);
  EXPECT_TRUE(tie.authorization_accept_unidentified);
  EXPECT_EQ(tie.external_max_age_days, 11);
  EXPECT_EQ(tie.query_limit_default, 12);
  EXPECT_EQ(tie.updates_default_limit, 13);
  EXPECT_TRUE(tie.updates_targeted);
  EXPECT_EQ(tie.overridden_max_files, 14);
  EXPECT_EQ(tie.retention_days, 15);
  EXPECT_EQ(tie.retention_days_by_type, (std::map<std::uint64_t, std::int64_t>{
                                            {static_cast<std::uint64_t>(*peexe), 16}, {17, 17}}));
  EXPECT_EQ(tie.events_targeted, reputation::Settings::Targeted::kEnrolled);
  EXPECT_EQ(tie.identity_trusted_senders,
            (std::set<std::string, std::less<>>{std::string(40, 'a'), std::string(40, 'b')}));
  EXPECT_EQ(tie.limits_requests_per_second, 16);
  EXPECT_EQ(settings->web_socket_port, 4321);
  EXPECT_EQ(settings->threads, 3u);
  EXPECT_EQ(settings->service_zones, (std::vector<std::string>{"b", "root"}));
  EXPECT_TRUE(settings->send_connect_events);
  EXPECT_TRUE(settings->test_mode);
  const broker::BrokerLimits& limits = settings->limits;
  EXPECT_EQ(limits.message_bytes, 2048u);
  EXPECT_EQ(limits.connect_bytes, 100u);
  EXPECT_EQ(limits.connections, 7u);
  EXPECT_EQ(limits.handshakes, 8u);
  EXPECT_EQ(limits.subscriptions_per_client, 9u);
  EXPECT_EQ(limits.subscription_bytes_per_client, 2000u);
  EXPECT_EQ(limits.topic_bytes, 100u);
  EXPECT_EQ(limits.topic_levels, 11u);
  EXPECT_EQ(limits.publish_rate, 12u);
  EXPECT_EQ(limits.request_backlog_bytes, 4096u);
  EXPECT_EQ(limits.outgoing_bytes, 70000u);
  EXPECT_EQ(limits.buffered_bytes, 2000000u);
  EXPECT_EQ(limits.slow_consumer, broker::SlowConsumer::kDrop);
  EXPECT_EQ(limits.handshake_deadline, std::chrono::seconds(13));
  EXPECT_EQ(limits.connect_deadline, std::chrono::seconds(14));
  EXPECT_EQ(limits.keep_alive_max, std::chrono::seconds(15));
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
  EXPECT_FALSE(settings->legacy_python_ciphers);
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
      {"broker.threads = 0", "t:1: broker.threads: expected 1 to 64"},
      {"broker.service_zones = \"a,,b\"",
       "t:1: broker.service_zones: expected names between commas"},
      {"limits.connect_seconds = 0", "t:1: limits.connect_seconds: expected 1 to 86400 seconds"},
      {"limits.slow_consumer = \"wait\"",
       "t:1: limits.slow_consumer: expected one of \"close\", \"drop\""},
      {"query_limit.default = 0", "t:1: query_limit.default: expected 1 to 5000"},
      {"query_limit.default = 5001", "t:1: query_limit.default: expected 1 to 5000"},
      {"updates.default_limit = 0", "t:1: updates.default_limit: expected 1 to 5000"},
      {"overridden.max_files = -1", "t:1: overridden.max_files: expected 0 to 2000"},
      {"retention.days = 36501", "t:1: retention.days: expected 0 to 36500"},
      {"retention.days_by_type = \"PEEXE\"",
       "t:1: retention.days_by_type: expected TYPE:DAYS between commas"},
      {"retention.days_by_type = \"PEEXE:-1\"",
       "t:1: retention.days_by_type: expected TYPE:DAYS between commas"},
      {"retention.days_by_type = \"18:1, 18:2\"",
       "t:1: retention.days_by_type: expected TYPE:DAYS between commas"},
      {"identity.trusted_senders = \"abc\"",
       "t:1: identity.trusted_senders: expected SHA-1 thumbprints between commas"},
      {"events.targeted = \"some\"",
       "t:1: events.targeted: expected one of \"all\", \"enrolled\", \"off\""},
      {"limits.requests_per_second = -1",
       "t:1: limits.requests_per_second: expected 0 to 100000000"},
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

TEST(StateSettings, LayersAreReadInOrderAndMistakesOfAllAreTold) {
  const broker::TemporaryDirectory directory;
  const auto file = directory.path() / "tiara.toml", wrong = directory.path() / "bad.toml";
  ASSERT_TRUE(broker::write_file_atomically(file, "[listen]\nport = 1\nws_port = 2\n"));
  ASSERT_TRUE(broker::write_file_atomically(wrong, "listen.port = 70000\n"));
  const auto loaded = load_state_settings(
      file,
      {{"TIARA_LISTEN_PORT=3", "TIARA_LIMITS_CONNECTIONS=4"}, {{"listen.port", "5", "--port"}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.port, 5);
  EXPECT_EQ(loaded->settings.web_socket_port, 2);
  EXPECT_EQ(loaded->settings.limits.connections, 4u);
  EXPECT_EQ(loaded->values.at("listen.port").origin, "--port");
  EXPECT_EQ(loaded->values.at("listen.ws_port").origin, file.string() + ":3");
  EXPECT_EQ(loaded->values.at("broker.threads").origin, "default");

  const auto bad =
      load_state_settings(wrong, {{"TIARA_LISTEN_POR=3"}, {{"limits.connections", "0", "--set"}}});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message,
            "TIARA_LISTEN_POR: no such setting; the nearest is TIARA_LISTEN_PORT\n" +
                wrong.string() + ":1: listen.port: expected 0 to 65535\n" +
                "--set: limits.connections: expected 1 to 1000000");
}

TEST(StateSettings, NoFileSetsNothing) {
  const auto loaded = load_state_settings("/nonexistent/tiara.toml", {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.port, 8883);
}

TEST(StateSettings, AReloadTakesWhatItCanAndNamesTheRestEachTime) {
  auto running = load_state_settings("/nonexistent", {{"TIARA_LISTEN_PORT=1"}, {}})->values;
  const auto loaded = load_state_settings(
      "/nonexistent", {{"TIARA_LISTEN_PORT=2", "TIARA_LIMITS_CONNECTIONS=3"}, {}});
  ASSERT_TRUE(loaded);
  const SettingChanges first = take_changes(running, loaded->values);
  EXPECT_EQ(first.applied, std::vector<std::string>{"limits.connections"});
  EXPECT_EQ(first.restart, std::vector<std::string>{"listen.port"});
  const SettingChanges second = take_changes(running, loaded->values);
  EXPECT_TRUE(second.applied.empty());
  EXPECT_EQ(second.restart, std::vector<std::string>{"listen.port"});
}

TEST(StateSettings, AReloadAppliesEverythingOfTheServiceButTheKindOfDateAndItsMemory) {
  StateSettings settings;
  for (const broker::Setting& row : setting_rows(settings)) {
    const std::string_view section = row.name.substr(0, row.name.find('.'));
    const bool is_fixed =
        row.name == "create_date" || section == "listen" || section == "tls" || section == "store";
    if (section == "broker" || section == "limits") continue;
    EXPECT_EQ(row.reloads, !is_fixed) << row.name;
  }
}

TEST(StateSettings, AddressesAreAtLeastOne) {
  EXPECT_FALSE(parse_state_settings("listen.addresses = \"\"", "t"));
  const auto settings = parse_state_settings("listen.addresses = \"0.0.0.0, ::\"", "t");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->listen_addresses, (std::vector<std::string>{"0.0.0.0", "::"}));
}

TEST(StateSettings, AddressesAreNumeric) {
  const auto settings = parse_state_settings("\nlisten.addresses = \"127.0.0.1, localhost\"", "t");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message,
            "t:2: listen.addresses: localhost: expected a numeric address, like 127.0.0.1 or ::1");
  EXPECT_TRUE(parse_state_settings("listen.addresses = \"::1, 127.0.0.1\"", "t"));
}

TEST(StateSettings, TheReferenceInDocsIsWhatTheProgramPrints) {
  const auto text = broker::read_file(TIARA_FIXTURES "/../../docs/configuration.md");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, configuration_reference())
      << "run: build/release/bin/tiara config reference > docs/configuration.md";
}

}  // namespace
}  // namespace tiara::app
