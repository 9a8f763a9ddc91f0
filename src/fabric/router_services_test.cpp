#include <gtest/gtest.h>

#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

using Strings = std::vector<std::string>;

constexpr std::string_view kUnregister = "/mcafee/service/dxl/svcregistry/unregister";
constexpr std::string_view kQuery = "/mcafee/service/dxl/svcregistry/query";
constexpr std::string_view kAuthorizationTopic = "/opendxl-tiara/service/fabric/authorization";

std::string registration(const std::string& id, const std::string& channel, int ttl = 60) {
  return R"({"serviceType":"/s","metaData":{},"requestChannels":[")" + channel +
         R"("],"ttlMins":)" + std::to_string(ttl) + R"(,"serviceGuid":")" + id + "\"}";
}

// Connections 1 asks, 2 and 3 (certificates "s2", "s3") serve /t as {2} and {3}, 9 watches events.
class RouterServices : public testing::Test {
 protected:
  RouterServices() {
    harness.connect(1, "asker");
    harness.connect(2, "s2", {"/t"});
    harness.connect(3, "s3", {"/t"});
    EXPECT_EQ(harness.register_service(2, registration("{2}", "/t")), Refusal::kNone);
    EXPECT_EQ(harness.register_service(3, registration("{3}", "/t")), Refusal::kNone);
    harness.connect(9, "watcher", {"/mcafee/event/dxl/svcregistry/+"});
  }

  // Publishes a request to /t from 1 and tells who got it.
  std::string asked(const dxl::MessageView& request = RouterHarness::request(),
                    std::string_view topic = "/t") {
    harness.publish(1, topic, request);
    const Lines lines = harness.summary();
    return lines.size() == 1 ? lines[0] : std::to_string(lines.size()) + " deliveries";
  }

  RouterHarness harness;
};

const std::string kNobody = "/mcafee/client/{asker} -> 1";  // the error goes back to the asker

TEST_F(RouterServices, ARequestGoesToOneInstanceInTurnWithItsAddressFilledIn) {
  EXPECT_EQ(asked(), "/t -> 2");
  EXPECT_EQ(asked(), "/t -> 3");
  EXPECT_EQ(asked(), "/t -> 2");
  const dxl::MessageView request = harness.delivered()[0].message;
  EXPECT_EQ(request.type, dxl::MessageType::kRequest);
  EXPECT_EQ(request.service_id, "{2}");
  EXPECT_EQ(request.broker_ids.to_strings(), (Strings{std::string(kBroker)}));
  EXPECT_EQ(request.client_ids.to_strings(), (Strings{"s2-sha1:2"}));
  EXPECT_EQ(request.reply_to_topic, "/mcafee/client/{asker}");
  EXPECT_EQ(request.source_client_id, "asker-sha1");
  EXPECT_EQ(request.source_client_instance_id, "asker-sha1:1");
}

Identity own_service(const std::string& name, ConnectionId connection) {
  Identity identity = identity_of(name, connection);
  identity.in_process_service = true;
  return identity;
}

TEST_F(RouterServices, OurOwnServiceGoesOnUnderAnotherCertificate) {
  const ServiceIdentityReplaced replaced{{{"new-ca", ""}, {"new-sha1", "new-sha256"}}, "CN=new"};
  harness.connect(7, own_service("old", 7));
  harness.subscribe(7, {"/own"});
  ASSERT_EQ(harness.register_service(7, registration("{7}", "/own")), Refusal::kNone);
  EXPECT_EQ(asked(harness.request(), "/own"), "/own -> 7");
  harness.deliveries.clear();
  harness.change(replaced);
  EXPECT_TRUE(harness.deliveries.items.empty());  // nobody is told to unregister anything
  EXPECT_EQ(asked(harness.request(), "/own"), "/own -> 7");
  EXPECT_EQ(harness.delivered()[0].message.client_ids.to_strings(), Strings{"new-sha1:7"});
  // What it sends is of the new certificate and names none of the old chain.
  harness.subscribe(1, {"/e"});
  harness.publish(7, "/e", harness.event());
  const dxl::MessageView event = harness.delivered()[0].message;
  EXPECT_EQ(event.source_client_id, "new-sha1");
  EXPECT_EQ(event.other_fields.to_strings(), (Strings{"dxl.certs", "new-ca;new-sha1"}));
  // Its services are its own: it refreshes and withdraws them.
  EXPECT_EQ(harness.register_service(7, registration("{7}", "/own")), Refusal::kNone);
  harness.publish(1, kQuery, harness.request("{}"));
  EXPECT_EQ(std::string(harness.delivered()[0].message.payload).find("old-sha1"),
            std::string::npos);
  EXPECT_EQ(harness.publish(7, kUnregister, harness.request(R"({"serviceGuid":"{7}"})")),
            Refusal::kNone);
  EXPECT_EQ(asked(harness.request(), "/own"), kNobody);
  // One that was attached with the old certificate just before has the new one as well; others keep
  // theirs.
  harness.connect(8, own_service("old", 8));
  harness.publish(8, "/e", harness.event());
  EXPECT_EQ(harness.delivered()[0].message.source_client_id, "new-sha1");
  harness.publish(2, "/e", harness.event());
  EXPECT_EQ(harness.delivered()[0].message.source_client_id, "s2-sha1");
}

TEST_F(RouterServices, ARegistrationUnderWayWhenTheCertificateChangesIsTaken) {
  harness.connect(7, own_service("old", 7));
  ASSERT_EQ(harness.register_service(7, registration("{7}", "/own")), Refusal::kNone);
  std::optional<Change> refresh;
  const std::string request = harness.encode(harness.request(registration("{7}", "/own")));
  harness.router.publish(7, "/mcafee/service/dxl/svcregistry/register", request, harness.deliveries,
                         refresh);
  ASSERT_TRUE(refresh.has_value());
  harness.change(ServiceIdentityReplaced{{{"new-sha1", ""}}, "CN=new"});
  EXPECT_EQ(harness.change(*refresh), Refusal::kNone);
}

TEST_F(RouterServices, AnotherSubscriberOfTheTopicDoesNotGetTheRequest) {
  harness.connect(4, "eavesdropper", {"/t", "#"});
  EXPECT_EQ(asked(), "/t -> 2");
}

TEST_F(RouterServices, AServiceIdPicksItsInstanceWhateverTheTopic) {
  harness.subscribe(3, {"/other"});
  EXPECT_EQ(asked(harness.request("p", "{3}")), "/t -> 3");
  EXPECT_EQ(asked(harness.request("p", "{3}"), "/other"), "/other -> 3");
  EXPECT_EQ(asked(harness.request("p", "{unknown}")), kNobody);
  EXPECT_EQ(harness.delivered()[0].message.service_id, "{unknown}");
}

TEST_F(RouterServices, ExplicitRoutingIsLeftAloneOnlyWhenComplete) {
  const std::vector<std::string_view> brokers{kBroker}, clients{"s3-sha1:3"};
  dxl::MessageView request = harness.request("p", "{whatever}");
  request.broker_ids = std::span(brokers);
  request.client_ids = std::span(clients);
  EXPECT_EQ(asked(request), "/t -> 3");
  EXPECT_EQ(harness.delivered()[0].message.service_id, "{whatever}");
  EXPECT_EQ(asked(request), "/t -> 3");
  const std::vector<std::string_view> nobody{"nobody"};
  request.client_ids = std::span(nobody);
  EXPECT_EQ(asked(request), kNobody);
  request.service_id = "";  // incomplete: looked up, the destinations are overwritten
  EXPECT_EQ(asked(request), "/t -> 2");
}

TEST_F(RouterServices, ARequestThatReachesNobodyIsAnswered) {
  EXPECT_EQ(harness.publish(1, "/unserved", harness.request()), Refusal::kNoDestination);
  ASSERT_EQ(harness.summary(), (Lines{kNobody}));
  const dxl::MessageView error = harness.delivered()[0].message;
  EXPECT_EQ(error.type, dxl::MessageType::kErrorResponse);
  EXPECT_EQ(error.error_code, 0x80000001U);
  EXPECT_EQ(error.error_message, "unable to locate service for request");
  EXPECT_EQ(error.request_message_id, "{request}");
  EXPECT_EQ(error.client_ids.to_strings(), (Strings{"asker-sha1:1"}));
  // int32 form: Java reads nothing else.
  EXPECT_NE(harness.deliveries.bytes.find(std::string("\xd2\x80\x00\x00\x01", 5)),
            std::string::npos);
  EXPECT_EQ(asked(harness.request(), "/mcafee/service/dxl/unknown/topic"), kNobody);
}

TEST_F(RouterServices, WhoAsksAnOverloadedServiceIsToldAndTheServiceStays) {
  harness.overloaded = {2};
  EXPECT_EQ(harness.publish(1, "/t", harness.request("p", "{2}")), Refusal::kOverloaded);
  EXPECT_EQ(harness.summary(), Lines{kNobody});
  const dxl::MessageView error = harness.delivered()[0].message;
  EXPECT_EQ(error.type, dxl::MessageType::kErrorResponse);
  EXPECT_EQ(error.error_code, dxl::kServiceOverloaded);
  EXPECT_EQ(error.error_message, "service is overloaded");
  harness.overloaded.clear();
  EXPECT_EQ(asked(harness.request("p", "{2}")), "/t -> 2");
}

TEST_F(RouterServices, ExplicitRoutingDoesNotGetPastAnOverload) {
  const std::vector<std::string_view> brokers{kBroker}, clients{"s3-sha1:3"};
  dxl::MessageView request = harness.request("p", "{3}");
  request.broker_ids = std::span(brokers);
  request.client_ids = std::span(clients);
  harness.overloaded = {3};
  EXPECT_EQ(harness.publish(1, "/t", request), Refusal::kOverloaded);
  EXPECT_EQ(harness.delivered()[0].message.error_code, dxl::kServiceOverloaded);
}

TEST_F(RouterServices, AnUnknownBrokerTopicGoesToWhoeverSubscribesToIt) {
  harness.connect(4, "stand-in", {"/mcafee/service/dxl/unknown"});
  EXPECT_EQ(asked(harness.request(), "/mcafee/service/dxl/unknown"),
            "/mcafee/service/dxl/unknown -> 4");
}

TEST_F(RouterServices, InstancesThatCannotReceiveAreSkipped) {
  harness.unsubscribe(2, {"/t"});
  EXPECT_EQ(asked(), "/t -> 3");
  EXPECT_EQ(asked(), "/t -> 3");
  harness.set_policy({.rules = {{Direction::kReceive, "/t", {"s2-sha1"}, {}}}});
  EXPECT_EQ(asked(), kNobody);
  harness.subscribe(2, {"/t"});
  EXPECT_EQ(asked(), "/t -> 2");
  EXPECT_EQ(asked(harness.request("p", "{3}")), kNobody);
}

TEST_F(RouterServices, ServicesExpireAfterLifetimeAndGrace) {
  harness.register_service(2, registration("{2}", "/t", 10));
  harness.clock.steady += std::chrono::minutes(15);
  EXPECT_EQ(asked(), "/t -> 2");
  harness.clock.steady += std::chrono::seconds(1);
  EXPECT_EQ(asked(), "/t -> 3");
  EXPECT_EQ(asked(), "/t -> 3");
  // By id it is still reached, and the query still lists it.
  EXPECT_EQ(asked(harness.request("p", "{2}")), "/t -> 2");
  harness.publish(1, kQuery, harness.request(R"({"serviceGuid":"{2}"})"));
  EXPECT_NE(harness.delivered()[0].message.payload, "{\"services\":{}}\n");
  harness.expire_services();
  ASSERT_EQ(harness.summary(), (Lines{"/mcafee/event/dxl/svcregistry/unregister -> 9"}));
  EXPECT_EQ(harness.delivered()[0].message.payload, "{\"serviceGuid\":\"{2}\"}\n");
  EXPECT_EQ(harness.router.service_count(), 1U);
}

TEST_F(RouterServices, RegisteringAnnouncesFirstAndAnswersThen) {
  EXPECT_EQ(harness.register_service(2, registration("{new}", "/n")), Refusal::kNone);
  ASSERT_EQ(harness.summary(),
            (Lines{"/mcafee/event/dxl/svcregistry/register -> 9", "/mcafee/client/{asker} -> 2"}));
  const auto delivered = harness.delivered();
  const dxl::MessageView event = delivered[0].message, response = delivered[1].message;
  EXPECT_EQ(event.type, dxl::MessageType::kEvent);
  EXPECT_EQ(event.source_client_id, kBroker);
  EXPECT_EQ(event.source_client_instance_id, kBroker);
  EXPECT_EQ(
      event.payload,
      R"({"brokerGuid":"11111111-1111-1111-1111-111111111111","certificates":["s2-sha1","ca-sha1"],"clientGuid":"s2-sha1","clientInstanceGuid":"s2-sha1:2","managed":false,"metaData":{},"registrationTime":1700000000,"requestChannels":["/n"],"serviceGuid":"{new}","serviceType":"/s","ttlMins":60})"
      "\n");
  EXPECT_EQ(response.type, dxl::MessageType::kResponse);
  EXPECT_EQ(response.payload, "");
  EXPECT_EQ(response.service_id, "");
  EXPECT_EQ(response.request_message_id, "{request}");
  EXPECT_EQ(response.broker_ids.to_strings(), (Strings{std::string(kBroker)}));
  EXPECT_EQ(response.client_ids.to_strings(), (Strings{"s2-sha1:2"}));
  EXPECT_EQ(response.source_broker_id, kBroker);
}

TEST_F(RouterServices, AServiceHijackIsRefused) {
  harness.connect(4, "thief", {"/t"});
  EXPECT_EQ(harness.register_service(4, registration("{2}", "/t")), Refusal::kForeignService);
  ASSERT_EQ(harness.summary(), (Lines{"/mcafee/client/{asker} -> 4"}));
  EXPECT_EQ(harness.delivered()[0].message.error_code, 0x80000013U);
  EXPECT_EQ(harness.publish(4, kUnregister, harness.request(R"({"serviceGuid":"{2}"})")),
            Refusal::kForeignService);
  ASSERT_EQ(harness.summary(), (Lines{"/mcafee/client/{asker} -> 4"}));
  EXPECT_EQ(harness.delivered()[0].message.type, dxl::MessageType::kResponse);
  EXPECT_EQ(asked(harness.request("p", "{2}")), "/t -> 2");
}

TEST_F(RouterServices, TheSameCertificateMovesItsServiceToANewConnection) {
  harness.connect(4, "s2", {"/t"});
  EXPECT_EQ(harness.register_service(4, registration("{2}", "/t")), Refusal::kNone);
  EXPECT_EQ(asked(harness.request("p", "{2}")), "/t -> 4");
  harness.disconnect(2);
  EXPECT_EQ(harness.summary(), Lines{});
  EXPECT_EQ(asked(harness.request("p", "{2}")), "/t -> 4");
}

TEST_F(RouterServices, UnregisteringAnnouncesAndAlwaysAnswers) {
  EXPECT_EQ(harness.publish(2, kUnregister, harness.request(R"({"serviceGuid":"{2}"})")),
            Refusal::kNone);
  EXPECT_EQ(harness.summary(), (Lines{"/mcafee/event/dxl/svcregistry/unregister -> 9",
                                      "/mcafee/client/{asker} -> 2"}));
  EXPECT_EQ(harness.publish(2, kUnregister, harness.request(R"({"serviceGuid":"{2}"})")),
            Refusal::kNone);
  EXPECT_EQ(harness.summary(), (Lines{"/mcafee/client/{asker} -> 2"}));
}

TEST_F(RouterServices, ServicesLeaveWithTheirConnection) {
  harness.disconnect(2);
  ASSERT_EQ(harness.summary(), (Lines{"/mcafee/event/dxl/svcregistry/unregister -> 9"}));
  EXPECT_EQ(asked(), "/t -> 3");
  EXPECT_EQ(harness.router.service_count(), 1U);
}

TEST_F(RouterServices, AForgedErrorResponseRemovesNoService) {
  dxl::MessageView error;
  error.type = dxl::MessageType::kErrorResponse;
  error.message_id = "{e}";
  error.request_message_id = "{request}";
  error.service_id = "{2}";
  error.error_code = 0x80000001U;
  harness.subscribe(1, {"/mcafee/client/{asker}"});
  harness.publish(3, "/mcafee/client/{asker}", error);
  EXPECT_EQ(harness.router.service_count(), 2U);
  EXPECT_EQ(harness.summary(), (Lines{kNobody}));
  error.error_code = 404;
  harness.publish(2, "/mcafee/client/{asker}", error);
  EXPECT_EQ(harness.router.service_count(), 2U);
  error.error_code = 0x80000001U;
  harness.publish(2, "/mcafee/client/{asker}", error);
  EXPECT_EQ(harness.router.service_count(), 1U);
  EXPECT_EQ(harness.summary(), (Lines{kNobody, "/mcafee/event/dxl/svcregistry/unregister -> 9"}));
}

TEST_F(RouterServices, TheQueryListsServicesAndWhatTheyMayNotReceive) {
  harness.set_policy({.rules = {{Direction::kReceive, "/t", {"s2-sha1"}, {}}}});
  harness.publish(1, kQuery, harness.request(R"({"serviceGuid":"{3}"})"));
  ASSERT_EQ(harness.summary(), (Lines{kNobody}));
  EXPECT_EQ(
      harness.delivered()[0].message.payload,
      R"({"services":{"{3}":{"brokerGuid":"11111111-1111-1111-1111-111111111111","certificates":["s3-sha1","ca-sha1"],"clientGuid":"s3-sha1","clientInstanceGuid":"s3-sha1:3","local":true,"managed":false,"metaData":{},"registrationTime":1700000000,"requestChannels":["/t"],"serviceGuid":"{3}","serviceType":"/s","ttlMins":60,"unauthorizedChannels":["/t"]}}})"
      "\n");
  harness.publish(1, kQuery, harness.request(R"({"serviceType":"/none"})"));
  EXPECT_EQ(harness.delivered()[0].message.payload, "{\"services\":{}}\n");
  const std::vector<std::string_view> elsewhere{"other"};
  dxl::MessageView request = harness.request("{}");
  request.broker_ids = std::span(elsewhere);
  EXPECT_EQ(harness.publish(1, kQuery, request), Refusal::kNoDestination);
  EXPECT_EQ(harness.delivered()[0].message.error_code, 0x80000001U);
}

TEST_F(RouterServices, BuiltInTopicsStaySilentOnWhatTheyCannotRead) {
  harness.connect(4, "curious", {"#"});
  const std::string registering = "/mcafee/service/dxl/svcregistry/register";
  const struct {
    std::string topic, payload;
    Refusal expected;
  } kCases[] = {
      {registering, "opaque", Refusal::kOpaqueOnBuiltin},
      {registering, RouterHarness::encode(harness.event("{}")), Refusal::kOpaqueOnBuiltin},
      {registering, RouterHarness::encode(harness.request("{'a':1}")), Refusal::kBadBuiltin},
      {registering, RouterHarness::encode(harness.request(R"({"ttlMins":"x"})")),
       Refusal::kBadBuiltin},
      {std::string(kUnregister), RouterHarness::encode(harness.request("[]")),
       Refusal::kBadBuiltin},
      {std::string(kQuery), RouterHarness::encode(harness.request("")), Refusal::kBadBuiltin},
      {std::string(kAuthorizationTopic), "opaque", Refusal::kOpaqueOnBuiltin},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(harness.publish(1, c.topic, c.payload), c.expected);
    EXPECT_EQ(harness.summary(), Lines{});
    EXPECT_NE(harness.router.refusal_detail(), "");
  }
}

TEST_F(RouterServices, NoRegistrationDivertsWhatTheBrokerOrTieAnswers) {
  harness.connect(4, "greedy", {"#"});
  const std::string kTopics[] = {
      "/mcafee/service/dxl/svcregistry/query", "/mcafee/service/dxl/broker/health",
      "/mcafee/service/dxl/unknown",           "/opendxl-tiara/service/fabric/authorization",
      "/opendxl-tiara/service/fabric/unknown", "/mcafee/service/tie/file/reputation",
      "/opendxl-tiara/service/tie/history"};
  std::size_t n = 0;
  for (const std::string& topic : kTopics)
    EXPECT_EQ(harness.register_service(4, registration("{g" + std::to_string(n++) + "}", topic)),
              Refusal::kNone);
  EXPECT_EQ(harness.register_service(4, registration("{g}", "/mcafee/service/#")), Refusal::kNone);
  for (const std::string& topic : kTopics) {
    // An unknown topic of the broker is still delivered to subscribers, as with the original, but
    // not as to a service.
    const bool is_delivered = topic == "/mcafee/service/dxl/unknown";
    EXPECT_EQ(asked(harness.request("{}"), topic), is_delivered ? topic + " -> 4" : kNobody);
    EXPECT_EQ(harness.delivered()[0].message.service_id, "") << topic;
  }
  harness.publish(1, kQuery, harness.request(R"({"serviceGuid":"{g5}"})"));
  EXPECT_NE(harness.delivered()[0].message.payload.find(
                R"("unauthorizedChannels":["/mcafee/service/tie/file/reputation"])"),
            std::string_view::npos);
}

TEST_F(RouterServices, ARegistrationOfAConnectionThatIsGoneIsForgotten) {
  std::optional<Change> change;
  harness.router.publish(2, "/mcafee/service/dxl/svcregistry/register",
                         harness.encode(harness.request(registration("{late}", "/t"))),
                         harness.deliveries, change);
  ASSERT_TRUE(change.has_value());
  harness.disconnect(2);
  harness.deliveries.clear();
  EXPECT_EQ(harness.change(*change), Refusal::kNotAuthorised);
  EXPECT_EQ(harness.summary(), Lines{});
  EXPECT_EQ(harness.router.service_count(), 1U);
}

TEST_F(RouterServices, OneConnectionRegistersABoundedNumberOfServices) {
  for (std::size_t i = 0; i < kMaxServicesPerConnection; ++i)
    EXPECT_EQ(harness.register_service(1, registration("{n" + std::to_string(i) + "}", "/n")),
              Refusal::kNone);
  EXPECT_EQ(harness.register_service(1, registration("{one-more}", "/n")), Refusal::kBadBuiltin);
  ASSERT_EQ(harness.summary(), (Lines{kNobody}));
  EXPECT_EQ(harness.delivered()[0].message.error_code, 0x80000011U);
  EXPECT_EQ(harness.delivered()[0].message.error_message, "service limit exceeded");
  EXPECT_EQ(harness.register_service(1, registration("{n0}", "/n")), Refusal::kNone);
}

TEST_F(RouterServices, OneConnectionRegistersABoundedNumberOfBytes) {
  // A little more than a 32nd of what is allowed.
  std::string channels;
  for (char c = 'a'; c < 'a' + 16; ++c)
    channels += (channels.empty() ? "\"/" : ",\"/") + std::string(2'048, c) + '"';
  const auto large = [&](int number) {
    return "{\"serviceGuid\":\"{n" + std::to_string(number) + "}\",\"requestChannels\":[" +
           channels + "],\"ttlMins\":60}";
  };
  int taken = 0;
  while (taken < 64 && harness.register_service(1, large(taken)) == Refusal::kNone) ++taken;
  EXPECT_EQ(taken, 31);
  EXPECT_EQ(harness.delivered()[0].message.error_code, 0x80000011U);
  EXPECT_EQ(harness.register_service(1, large(0)), Refusal::kNone) << "a refresh adds nothing";
}

}  // namespace
}  // namespace tiara::fabric
