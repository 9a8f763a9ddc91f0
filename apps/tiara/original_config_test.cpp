#include "tiara/original_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::app {
namespace {

using Verdict = ImportNote::Verdict;
using Zones = std::optional<std::vector<std::string>>;

class OriginalConfig : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    const auto file = directory_.path() / name;
    EXPECT_TRUE(broker::write_file_atomically(file, text));
    return file;
  }
  // The plan for this dxlbroker.conf.
  ImportPlan plan(const std::string& text) {
    auto made = plan_import(write("dxlbroker.conf", text));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *std::move(made) : ImportPlan{};
  }
  static const ImportNote* find(const ImportPlan& plan, std::string_view key) {
    for (const ImportNote& note : plan.notes)
      if (note.key == key) return &note;
    return nullptr;
  }
  std::map<std::string, std::string> settings(const ImportPlan& plan) {
    std::map<std::string, std::string> texts;
    for (const auto& [name, set] : plan.settings) texts[name] = broker::to_toml(set.value);
    return texts;
  }
  const broker::TemporaryDirectory directory_;
};

TEST_F(OriginalConfig, TakesWhatHasASettingHere) {
  const ImportPlan made = plan(
      "# comment\n\nbrokerId={2F1C0F5E-1A2B-4C3D-8E9F-001122334455}\nlistenPort = 8890\r\n"
      "messageSizeLimit=2097152\nlogLevel=warn\ntestModeEnabled=true\nsendConnectEvents=true\n"
      "webSocketsEnabled=true\nwebSocketsListenPort=8443\nmessageSampleSecs=30\n");
  EXPECT_EQ(settings(made),
            (std::map<std::string, std::string>{{"broker.message_sample_seconds", "30"},
                                                {"broker.send_connect_events", "true"},
                                                {"broker.test_mode", "true"},
                                                {"limits.message_bytes", "2097152"},
                                                {"listen.port", "8890"},
                                                {"listen.ws_port", "8443"},
                                                {"log.level", "\"warn\""}}));
  EXPECT_EQ(made.broker_id, "2f1c0f5e-1a2b-4c3d-8e9f-001122334455");
  const ImportNote* port = find(made, "listenPort");
  ASSERT_NE(port, nullptr);
  EXPECT_EQ(port->text, "listen.port = 8890");
  EXPECT_EQ(port->origin, (directory_.path() / "dxlbroker.conf").string() + ":4");
}

TEST_F(OriginalConfig, TheFileLiesOverItsDefaults) {
  write("dxlbroker.conf.defaults", "listenPort=1\nsendConnectEvents=true\n");
  const ImportPlan made = plan("listenPort=2\n");
  EXPECT_EQ(settings(made), (std::map<std::string, std::string>{
                                {"broker.send_connect_events", "true"}, {"listen.port", "2"}}));
}

TEST_F(OriginalConfig, SaysOfEachKeyWhatBecomesOfIt) {
  const std::tuple<std::string, Verdict, std::string> cases[] = {
      {"user=dxl", Verdict::kIgnored, "start the program as that user"},
      {"fipsEnabled=false", Verdict::kIgnored, "it is so here"},
      {"fipsEnabled=true", Verdict::kUnsupported, "there is no FIPS mode"},
      {"multiTenantModeEnabled=TRUE", Verdict::kUnsupported, "tenants are not supported"},
      {"tlsEnabled=false", Verdict::kUnsupported, "there is no listener without TLS"},
      {"webSocketsEnabled=false", Verdict::kUnsupported, "always there"},
      {"listenPort=http", Verdict::kUnsupported, "cannot be read"},
      {"listenPort=70000", Verdict::kUnsupported, "listen.port: expected 0 to 65535"},
      {"logLevel=loud", Verdict::kUnsupported, "cannot be read"},
      {"brokerId=b1", Verdict::kUnsupported, "expected a uuid"},
      {"surprise=1", Verdict::kUnsupported, "not a known key"},
      {"policyGeneralStateFile=missing.policy", Verdict::kIgnored, "an empty policy"},
  };
  for (const auto& [line, verdict, text] : cases) {
    const ImportPlan made = plan(line + "\n");
    const ImportNote* note = find(made, line.substr(0, line.find('=')));
    ASSERT_NE(note, nullptr) << line;
    EXPECT_EQ(note->verdict, verdict) << line;
    EXPECT_THAT(note->text, testing::HasSubstr(text));
    EXPECT_TRUE(made.settings.empty()) << line;
  }
  EXPECT_THAT(find(plan("user=x"), "testModeEnabled")->text, testing::HasSubstr("is on then"));
}

TEST_F(OriginalConfig, RefusesWhatIsNoKeyValueFile) {
  const auto file = write("dxlbroker.conf", "listenPort=1\n[section]\n");
  const auto made = plan_import(file);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, file.string() + ":2: expected key=value");
  EXPECT_FALSE(plan_import(directory_.path() / "nowhere"));
}

TEST_F(OriginalConfig, TheConnectionLimitComesFromTheGeneralPolicy) {
  write("general.policy", "keepAlive=1\nconnectionLimit=500\n");
  EXPECT_EQ(settings(plan("policyGeneralStateFile=general.policy\n")),
            (std::map<std::string, std::string>{{"limits.connections", "500"}}));
  EXPECT_EQ(settings(plan("policyGeneralStateFile=general.policy\nignoreConnectionLimit=true\n")),
            (std::map<std::string, std::string>{}));
  write("general.policy", "connectionLimit=0\n");
  EXPECT_TRUE(plan("policyGeneralStateFile=general.policy\n").settings.empty());
}

TEST_F(OriginalConfig, ZonesAndTopicsComeFromTheirPolicies) {
  write("state.policy",
        "{ /* who is where */ \"brokers\": [{\"id\":\"{2f1c0f5e-1a2b-4c3d-8e9f-001122334455}\","
        "\"hostname\":\"h\",\"port\":8883,\"serviceZone\":\"east\"}] }");
  write("topicauth.policy", "{\"topics\":[]}");
  const ImportPlan made = plan(
      "brokerId=2f1c0f5e-1a2b-4c3d-8e9f-001122334455\n"
      "policyBrokerStateFile=state.policy\npolicyTopicAuthStateFile=topicauth.policy\n");
  EXPECT_EQ(settings(made),
            (std::map<std::string, std::string>{{"broker.service_zones", "\"east\""}}));
  EXPECT_EQ(made.topic_policy, "{\"topics\":[]}");

  write("state.policy", "{");
  const auto bad = plan_import(write("dxlbroker.conf", "policyBrokerStateFile=state.policy\n"));
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, testing::HasSubstr("state.policy"));
}

TEST(OriginalZones, AreTheBrokersOwnThenItsAncestors) {
  const std::string policy = R"({
    "hubs": [{"id":"root","name":"r","serviceZone":"world"},
             {"id":"HubA","name":"a","primaryBroker":"b1","secondaryBroker":"b2",
              "parentId":"root","serviceZone":"zoneA"}],
    "brokers": [{"id":"b1","hostname":"h","port":"8883","serviceZone":"mine","parentId":"root"},
                {"id":"b2","hostname":"h","port":8883},
                {"id":"b3","hostname":"h","port":1,"serviceZone":"three","parentId":"b1"},
                {"id":"b4","hostname":"h","port":1,"parentId":"gone","serviceZone":"four"},
                {"id":"b5","hostname":"h","port":1}]})";
  const std::pair<std::string, Zones> cases[] = {
      {"b1", {{"zoneA", "world"}}},           // a member of a hub: its own zone is ignored
      {"{B2}", {{"zoneA", "world"}}},         // ids are compared without braces and case
      {"b3", {{"three", "zoneA", "world"}}},  // its parent is a member of a hub
      {"b4", {{"four"}}},                     // a parent that is not there means none
      {"b5", std::vector<std::string>{}},
      {"b6", std::nullopt},
  };
  for (const auto& [broker, zones] : cases) {
    const auto found = service_zones_of(broker, policy, "f");
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, zones) << broker;
  }
}

TEST(OriginalZones, SurviveEveryKindOfBadFile) {
  const std::string circle = R"({"brokers":[{"id":"a","parentId":"b","serviceZone":"x"},
                                            {"id":"b","parentId":"a","serviceZone":"y"}]})";
  EXPECT_EQ(service_zones_of("a", circle, "f").value(), (Zones{{"x", "y"}}));
  for (const std::string& bad :
       {std::string("[]"), std::string("{\"brokers\":{}}"), std::string("{\"brokers\":[1]}"),
        std::string("{\"hubs\":[{}]}"), std::string(100'000, '['), std::string("{\"brokers\":[")}) {
    const auto found = service_zones_of("a", bad, "f");
    ASSERT_FALSE(found) << bad.substr(0, 40);
    EXPECT_EQ(found.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_TRUE(found.error().message.starts_with("f: ")) << found.error().message;
  }
}

}  // namespace
}  // namespace tiara::app
