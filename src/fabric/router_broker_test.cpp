// The requests the broker answers about itself (DXL reference §5.6), asked through the router.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

const std::string kPrefix = "/mcafee/service/dxl/";
const std::string kBrokerQuery = kPrefix + "brokerregistry/query";
const std::string kTopicQuery = kPrefix + "brokerregistry/topicquery";
const std::string kServiceQuery = kPrefix + "svcregistry/query";
const std::string kSubscriptions = kPrefix + "broker/subs";
const std::string kHealth = kPrefix + "broker/health";
const std::string kClientQuery = kPrefix + "clientregistry/query";
const std::string kEnable = kPrefix + "broker/testmode/enable";
const std::string kDisable = kPrefix + "broker/testmode/disable";

RouterOptions options() {
  return {.version_text = "1.2.3.4",
          .start_time = 1795486115,
          .host_name = "host \"x\"",
          .port = 8883,
          .web_socket_port = 443,
          .connection_limit = 5000,
          .rates = [] {
            return MessageRates{0.5, 28 / 60.0};
          }};
}

// Connection 1 asks; whatever comes back comes to its reply topic.
class RouterBroker : public testing::Test {
 protected:
  RouterBroker() { harness.connect(1, "asker", {"/mcafee/client/{asker}"}); }

  // The answer's payload; "error <code>", or "silence".
  std::string asked(const std::string& topic, const dxl::MessageView& request) {
    refusal = harness.publish(1, topic, request);
    if (harness.deliveries.items.empty()) return "silence";
    EXPECT_EQ(harness.summary(), Lines{"/mcafee/client/{asker} -> 1"});
    answer = harness.delivered()[0].message;
    if (answer.type == dxl::MessageType::kErrorResponse)
      return "error " + std::to_string(answer.error_code & 0xffffU);
    EXPECT_EQ(answer.type, dxl::MessageType::kResponse);
    return std::string(answer.payload);
  }
  std::string asked(const std::string& topic, std::string_view payload) {
    return asked(topic, RouterHarness::request(payload));
  }

  RouterHarness harness{{}, options()};
  dxl::MessageView answer;
  Refusal refusal = Refusal::kNone;
};

TEST_F(RouterBroker, BrokerQueryDescribesThisBrokerAlone) {
  const std::string self =
      R"({"brokers":{"11111111-1111-1111-1111-111111111111":{"bridgeChildren":[],"bridges":[],"connectionLimit":5000,"guid":"11111111-1111-1111-1111-111111111111","hostname":"host \"x\"","policyHostname":"","policyHub":"","policyIpAddress":"","policyPort":0,"port":8883,"startTime":1795486115,"topicRouting":true,"ttlMins":60,"version":"1.2.3.4","webSocketPort":443}}})"
      "\n";
  const std::string none = "{\"brokers\":{}}\n";
  const std::pair<const char*, std::string> kCases[] = {
      {"{}", self},
      {"null", self},
      {R"({"brokerGuid":"11111111-1111-1111-1111-111111111111"})", self},
      {R"({"brokerGuid":null})", self},
      {R"({"brokerGuid":"{11111111-1111-1111-1111-111111111111}"})", none},
      {R"({"brokerGuid":"other"})", none},
      {R"({"brokerGuid":[]})", "silence"},
      {"", "silence"},
  };
  for (const auto& [payload, expected] : kCases) EXPECT_EQ(asked(kBrokerQuery, payload), expected);
}

TEST_F(RouterBroker, AnswersCarryTheAddressesOfTheReference) {
  asked(kBrokerQuery, RouterHarness::request("{}", "{service}"));
  EXPECT_EQ(answer.version, 3U);
  EXPECT_EQ(answer.message_id.size(), 36U);
  EXPECT_EQ(answer.request_message_id, "{request}");
  EXPECT_EQ(answer.service_id, "");
  EXPECT_EQ(answer.source_client_id, kBroker);
  EXPECT_EQ(answer.source_client_instance_id, kBroker);
  EXPECT_EQ(answer.source_broker_id, kBroker);
  EXPECT_EQ(answer.broker_ids.to_strings(), Filters{std::string(kBroker)});
  EXPECT_EQ(answer.client_ids.to_strings(), Filters{"asker-sha1:1"});
  EXPECT_TRUE(answer.other_fields.empty());
}

TEST_F(RouterBroker, TopicQueryCountsFiltersAndComparesThemLiterally) {
  harness.connect(2, "a", {"/a", "/b/#", "/mcafee/client/{a}"});
  harness.connect(3, "b", {"/a"});
  const std::pair<const char*, const char*> kCases[] = {
      {"{}", "{\"count\":2,\"exists\":true}\n"},
      {R"({"topics":[]})", "{\"count\":2,\"exists\":true}\n"},
      {R"({"topics":null})", "{\"count\":2,\"exists\":true}\n"},
      {R"({"topics":["/a"]})", "{\"count\":2,\"exists\":true}\n"},
      {R"({"topics":["/a","/b/#"]})", "{\"count\":2,\"exists\":true}\n"},
      {R"({"topics":["/a","/b/c"]})", "{\"count\":2,\"exists\":false}\n"},
      {R"({"topics":["/mcafee/client/{a}"]})", "{\"count\":2,\"exists\":false}\n"},
      {R"({"brokerGuid":"11111111-1111-1111-1111-111111111111","topics":["/a"]})",
       "{\"count\":2,\"exists\":true}\n"},
      {R"({"brokerGuid":"other","topics":["/a"]})", "{\"count\":0,\"exists\":false}\n"},
      {R"({"topics":[1]})", "silence"},
      {R"({"topics":"/a"})", "silence"},
      {"[]", "silence"},
  };
  for (const auto& [payload, expected] : kCases)
    EXPECT_EQ(asked(kTopicQuery, payload), expected) << payload;
  harness.disconnect(2);
  EXPECT_EQ(asked(kTopicQuery, "{}"), "{\"count\":1,\"exists\":true}\n");
}

TEST_F(RouterBroker, SubsCountsEverySubscriptionThatMatches) {
  harness.connect(2, "a", {"/a/b", "/a/#"});
  harness.connect(3, "b", {"/+/b"});
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"topic":"/a/b"})", "{\"count\":3}\n"},
      {R"({"topic":"/a"})", "{\"count\":1}\n"},
      {R"({"topic":"/none"})", "{\"count\":0}\n"},
      {R"({"topic":"/mcafee/client/{asker}"})", "{\"count\":1}\n"},
      {R"({"topic":""})", "silence"},
      {"{}", "silence"},
      {"null", "silence"},
      {"", "silence"},
  };
  for (const auto& [payload, expected] : kCases)
    EXPECT_EQ(asked(kSubscriptions, payload), expected) << payload;
}

TEST_F(RouterBroker, HealthIsToldWhateverThePayload) {
  harness.connect(2, "a");
  harness.register_service(2, R"({"serviceGuid":"{1}","ttlMins":60})");
  for (const char* payload : {"{}", "", "[]", "'", "\xff"})
    EXPECT_EQ(asked(kHealth, payload),
              "{\"connectedClients\":2,\"incomingMessages\":0.5,\"localServiceCounter\":1,"
              "\"outgoingMessages\":0.4666666666666667,\"startTime\":1795486115}\n");
}

TEST(RouterBrokerHealth, WritesRatesThatAreNoNumbersAsZero) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const bool has_rates : {false, true}) {
    RouterOptions options;
    if (has_rates)
      options.rates = [nan] { return MessageRates{nan, std::numeric_limits<double>::infinity()}; };
    RouterHarness harness({}, std::move(options));
    harness.connect(1, "asker");
    harness.publish(1, kHealth, RouterHarness::request());
    EXPECT_EQ(harness.delivered()[0].message.payload,
              "{\"connectedClients\":1,\"incomingMessages\":0.0,\"localServiceCounter\":0,"
              "\"outgoingMessages\":0.0,\"startTime\":0}\n");
  }
}

TEST_F(RouterBroker, ClientQueryAnswersForConnectedClientsOnly) {
  harness.connect(2, "a");
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"clientGuid":"a-sha1"})", "{}\n"},
      {R"({"clientGuid":"a-sha1:2"})", "{}\n"},
      {R"({"clientGuid":"asker-sha1"})", "{}\n"},
      {R"({"clientGuid":"a-sha1:3"})", "silence"},
      {R"({"clientGuid":"{a}"})", "silence"},
      {R"({"clientGuid":""})", "silence"},
      {"{}", "silence"},
      {"null", "silence"},
  };
  for (const auto& [payload, expected] : kCases) {
    EXPECT_EQ(asked(kClientQuery, payload), expected) << payload;
    EXPECT_EQ(refusal, Refusal::kNone) << payload;
  }
  EXPECT_EQ(asked(kClientQuery, "[]"), "silence");
  EXPECT_EQ(refusal, Refusal::kBadBuiltin);
  harness.disconnect(2);
  EXPECT_EQ(asked(kClientQuery, R"({"clientGuid":"a-sha1"})"), "silence");
}

TEST_F(RouterBroker, TestModeTopicsExistOnlyInTestMode) {
  for (const std::string& topic : {kEnable, kDisable}) {
    EXPECT_EQ(asked(topic, "{}"), "error 1");
    EXPECT_EQ(answer.error_code, 0x80000001U);
    harness.connect(2, "stand-in", {topic});
    harness.publish(1, topic, RouterHarness::request());
    EXPECT_EQ(harness.summary(), Lines{topic + " -> 2"});
    harness.disconnect(2);
  }
  RouterHarness testing_harness({}, {.test_mode = true});
  testing_harness.connect(1, "asker", {"#"});
  for (const std::string& topic : {kEnable, kDisable})
    for (const char* payload : {"{}", "", "[1]"}) {
      EXPECT_EQ(testing_harness.publish(1, topic, RouterHarness::request(payload)), Refusal::kNone);
      ASSERT_EQ(testing_harness.summary(), Lines{"/mcafee/client/{asker} -> 1"});
      EXPECT_EQ(testing_harness.delivered()[0].message.payload, "");
    }
}

// "Addressed" on a single broker: what is for other brokers only reaches nobody. Asked together
// with others, this broker answers and sends no error after it.
TEST_F(RouterBroker, AnswersIfAddressedAndTellsIfNobodyIs) {
  const std::vector<std::string_view> none{}, here{kBroker}, both{"other", kBroker}, other{"other"},
      others{"other", "another"};
  const struct {
    std::string topic, payload;
    std::string answered, elsewhere;
  } kCases[] = {
      {kServiceQuery, "{}", "{\"services\":{}}\n", "error 1"},
      {kTopicQuery, "{}", "{\"count\":0,\"exists\":true}\n", "error 1"},
      {kBrokerQuery, R"({"brokerGuid":"x"})", "{\"brokers\":{}}\n", "error 1"},
      {kSubscriptions, R"({"topic":"/a"})", "{\"count\":0}\n", "{\"count\":0}\n"},
      {kClientQuery, R"({"clientGuid":"asker-sha1"})", "{}\n", "{}\n"},
      {kClientQuery, R"({"clientGuid":"x"})", "silence", "silence"},
  };
  for (const auto& c : kCases) {
    dxl::MessageView request = RouterHarness::request(c.payload);
    for (const auto& [brokers, expected] : {std::pair{&none, &c.answered},
                                            {&here, &c.answered},
                                            {&both, &c.answered},
                                            {&other, &c.elsewhere},
                                            {&others, &c.elsewhere}}) {
      request.broker_ids = std::span(*brokers);
      EXPECT_EQ(asked(c.topic, request), *expected) << c.topic << " " << brokers->size();
    }
  }
  dxl::MessageView request = RouterHarness::request();
  request.broker_ids = std::span(other);
  EXPECT_TRUE(asked(kHealth, request).starts_with("{\"connectedClients\":1,"));
}

TEST_F(RouterBroker, BuiltInTopicsTolerateWhatTheOriginalTolerates) {
  const std::pair<std::string_view, bool> kCases[] = {
      {"{}", true},
      {"null", true},
      {std::string_view("{}\0", 3), true},
      {"{} text", true},
      {"/* C */{}// C++", true},
      {"", false},
      {"[]", false},
      {"\"text\"", false},
      {"5", false},
      {"{'a':1}", false},
      {"\xef\xbb\xbf{}", false},
  };
  const std::string kTopics[] = {kServiceQuery, kBrokerQuery, kTopicQuery,
                                 kPrefix + "svcregistry/register",
                                 kPrefix + "svcregistry/unregister"};
  for (const std::string& topic : kTopics)
    for (const auto& [payload, is_answered] : kCases) {
      EXPECT_EQ(asked(topic, payload) != "silence", is_answered) << topic << " " << payload;
      EXPECT_EQ(refusal, is_answered ? Refusal::kNone : Refusal::kBadBuiltin);
    }
}

TEST_F(RouterBroker, OpaqueMessagesAndOtherTypesAreDroppedOnBuiltInTopics) {
  harness.connect(2, "curious", {"#"});
  for (const std::string& topic :
       {kServiceQuery, kBrokerQuery, kTopicQuery, kSubscriptions, kHealth, kClientQuery}) {
    EXPECT_EQ(harness.publish(1, topic, "opaque"), Refusal::kOpaqueOnBuiltin) << topic;
    EXPECT_EQ(harness.summary(), Lines{});
    EXPECT_EQ(harness.publish(1, topic, RouterHarness::event("{}")), Refusal::kOpaqueOnBuiltin);
    EXPECT_EQ(harness.summary(), Lines{});
  }
}

TEST_F(RouterBroker, DescribesItsStateForTheLog) {
  const std::string state = harness.router.describe_state();
  EXPECT_EQ(std::count(state.begin(), state.end(), '\n'), 3);
  EXPECT_TRUE(state.starts_with("brokers {\"brokers\":{\"11111111"));
  EXPECT_TRUE(state.ends_with("services {\"services\":{}}\n"));
}

TEST_F(RouterBroker, IsAskedForItsStateInTestModeOnly) {
  const RouterHarness testing_harness({}, {.test_mode = true});
  for (const char* name : {"dumpbrokerstate", "dumpservicestate"}) {
    EXPECT_TRUE(testing_harness.router.asks_for_dump("/mcafee/event/dxl/" + std::string(name)));
    EXPECT_FALSE(harness.router.asks_for_dump("/mcafee/event/dxl/" + std::string(name)));
  }
  EXPECT_FALSE(testing_harness.router.asks_for_dump("/mcafee/event/dxl/svcregistry/register"));
}

TEST_F(RouterBroker, TellsARequesterWhatTheShellRefused) {
  const dxl::MessageView request = RouterHarness::request("p", "{service}");
  harness.deliveries.clear();
  harness.router.respond_error(1, request, 0x80000014U, "too long", harness.deliveries);
  ASSERT_EQ(harness.summary(), Lines{"/mcafee/client/{asker} -> 1"});
  const dxl::MessageView error = harness.delivered()[0].message;
  EXPECT_EQ(error.error_code, 0x80000014U);
  EXPECT_EQ(error.error_message, "too long");
  EXPECT_EQ(error.service_id, "{service}");
  EXPECT_EQ(error.request_message_id, "{request}");
  harness.deliveries.clear();
  harness.router.respond_error(9, request, 0x80000014U, "too long", harness.deliveries);
  EXPECT_EQ(harness.summary(), Lines{});
}

}  // namespace
}  // namespace tiara::fabric
