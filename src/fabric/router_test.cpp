#include "fabric/router.hpp"

#include <gtest/gtest.h>

#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

using Strings = std::vector<std::string>;

TEST(Router, AForgedDxlCertsAndForgedSourcesAreOverwritten) {
  RouterHarness harness;
  harness.connect(1, "sender");
  harness.connect(2, "receiver", {"/t"});
  const std::vector<std::string_view> fields{"k1", "v1", "dxl.certs", "forged", "k2", "v2"};
  const std::vector<std::string_view> tenants{"tenant"};
  dxl::MessageView message = harness.event("payload");
  message.version = 2;
  message.source_client_id = "forged";
  message.source_broker_id = "forged";
  message.source_tenant_guid = "forged";
  message.other_fields = std::span(fields);
  message.destination_tenant_guids = std::span(tenants);

  EXPECT_EQ(harness.publish(1, "/t", message), Refusal::kNone);
  ASSERT_EQ(harness.summary(), (Lines{"/t -> 2"}));
  const dxl::MessageView got = harness.delivered()[0].message;
  EXPECT_EQ(got.version, 3U);
  EXPECT_EQ(got.message_id, "{event}");
  EXPECT_EQ(got.source_client_id, "sender-sha1");
  EXPECT_EQ(got.source_client_instance_id, "sender-sha1:1");
  EXPECT_EQ(got.source_broker_id, kBroker);
  EXPECT_EQ(got.source_tenant_guid, "");
  EXPECT_EQ(got.destination_tenant_guids.to_strings(), (Strings{"tenant"}));
  EXPECT_EQ(got.other_fields.to_strings(),
            (Strings{"k1", "v1", "k2", "v2", "dxl.certs", "ca-sha1;sender-sha1"}));
  EXPECT_EQ(got.payload, "payload");
}

TEST(Router, WithoutCertificatesThereIsNoCertificateField) {
  RouterHarness harness;
  harness.connect(1, make_identity({}, "", "random-uuid"));
  harness.subscribe(1, {"/t"});
  const std::vector<std::string_view> fields{"dxl.certs", "forged"};
  dxl::MessageView message = harness.event();
  message.other_fields = std::span(fields);
  harness.publish(1, "/t", message);
  ASSERT_EQ(harness.summary(), (Lines{"/t -> 1"}));
  EXPECT_TRUE(harness.delivered()[0].message.other_fields.empty());
  EXPECT_EQ(harness.delivered()[0].message.source_client_id, "random-uuid");
}

TEST(Router, DeliversByDestinationsOfTheMessage) {
  const std::vector<std::string_view> none{}, here{kBroker}, both{"other", kBroker},
      elsewhere{"other"};
  const std::vector<std::string_view> instance{"b-sha1:2"}, certificate{"b-sha1"}, stranger{"x"};
  const struct {
    std::span<const std::string_view> brokers, clients;
    Lines expected;
  } kCases[] = {
      {none, none, {"/t -> 1 2 3"}},
      {here, none, {"/t -> 1 2 3"}},
      {both, none, {"/t -> 1 2 3"}},
      {elsewhere, none, {}},
      {none, instance, {"/t -> 2"}},
      {none, certificate, {"/t -> 2 3"}},
      {none, stranger, {}},
      {elsewhere, instance, {}},
      {here, certificate, {"/t -> 2 3"}},
  };
  RouterHarness harness;
  harness.connect(1, "a", {"/t"});
  harness.connect(2, "b", {"/t", "/#"});
  harness.connect(3, "b", {"#"});
  for (const auto& c : kCases) {
    dxl::MessageView message = harness.event();
    message.broker_ids = c.brokers;
    message.client_ids = c.clients;
    harness.publish(1, "/t", message);
    EXPECT_EQ(harness.summary(), c.expected);
    for (const Delivered& got : harness.delivered()) {
      EXPECT_TRUE(got.message.client_ids.empty()) << "an event is delivered without its addressees";
      EXPECT_EQ(got.message.broker_ids.size(), c.brokers.size());
    }
    message.type = dxl::MessageType::kResponse;
    harness.publish(1, "/t", message);
    EXPECT_EQ(harness.summary(), c.expected);
    for (const Delivered& got : harness.delivered())
      EXPECT_EQ(got.message.client_ids.size(), c.clients.size()) << "a response keeps them";
  }
}

TEST(Router, FindsOneAddresseeAmongThousands) {
  RouterHarness harness;
  harness.connect(1, "a", {"/t"});
  harness.connect(2, "b", {"/t"});
  Strings names;
  for (int i = 0; i < 5'000; ++i) names.push_back("client-" + std::to_string(i));
  names.push_back("b-sha1:2");
  dxl::MessageView message = harness.event();
  message.client_ids = std::span<const std::string>(names);
  harness.publish(1, "/t", message);
  EXPECT_EQ(harness.summary(), (Lines{"/t -> 2"}));
}

// Others would read it, with whatever sender it claims, if it were passed on as it is.
TEST(Router, DropsAMessageWithMoreElementsThanItReads) {
  RouterHarness harness;
  harness.connect(1, "a", {"/t"});
  const Strings kIds(10'001, "id");
  dxl::MessageView message = harness.event();
  message.destination_tenant_guids = std::span<const std::string>(kIds);
  EXPECT_EQ(harness.publish(1, "/t", message), Refusal::kTooManyElements);
  EXPECT_EQ(harness.summary(), Lines{});
  EXPECT_NE(harness.router.refusal_detail().find("10001 elements"), std::string_view::npos);
}

TEST(Router, ReadsMessagesOfAnyLengthThatReachesIt) {
  RouterHarness harness;
  harness.connect(1, "a", {"/t"});
  const std::string kLong(3 * 1024 * 1024, 'x');
  EXPECT_EQ(harness.publish(1, "/t", harness.event(kLong)), Refusal::kNone);
  ASSERT_EQ(harness.deliveries.targets, std::vector<ConnectionId>{1});
  const std::string_view bytes = harness.deliveries.payload(harness.deliveries.items[0]);
  const auto got = dxl::decode_message(bytes, {.message_bytes = bytes.size()});
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->source_client_id, "a-sha1");
}

TEST(Router, DeliversWhatIsNoDxlMessageUnchanged) {
  RouterHarness harness({.rules = {{Direction::kReceive, "/t", {"b-sha1"}, {}}}});
  harness.connect(1, "a", {"/t"});
  harness.connect(2, "b", {"/t"});
  EXPECT_EQ(harness.publish(1, "/t", "just text"), Refusal::kNone);
  ASSERT_EQ(harness.deliveries.items.size(), 1U);
  EXPECT_EQ(harness.deliveries.payload(harness.deliveries.items[0]), "just text");
  EXPECT_EQ(harness.deliveries.targets, (std::vector<ConnectionId>{2}));
}

TEST(Router, RefusesWhatOnlyBrokersMayPublish) {
  RouterHarness harness;
  harness.connect(1, "a", {"#"});
  const struct {
    const char* suffix;
    Refusal expected;
  } kCases[] = {
      {"brokerregistry/brokerstate", Refusal::kBrokerTopic},
      {"brokerregistry/brokerstatetopics", Refusal::kBrokerTopic},
      {"brokerregistry/topicadded", Refusal::kBrokerTopic},
      {"brokerregistry/topicremoved", Refusal::kBrokerTopic},
      {"clientregistry/connect", Refusal::kBrokerTopic},
      {"fabricchange", Refusal::kBrokerTopic},
      {"svcregistry/register", Refusal::kBrokerTopic},
      {"svcregistry/unregister", Refusal::kBrokerTopic},
      {"tenant/limit/exceeded", Refusal::kBrokerTopic},
      {"revocation/list", Refusal::kNotAuthorised},
      {"clientregistry/disconnect", Refusal::kNone},
      {"custom", Refusal::kNone},
  };
  for (const auto& c : kCases) {
    const std::string topic = "/mcafee/event/dxl/" + std::string(c.suffix);
    EXPECT_EQ(harness.publish(1, topic, harness.event()), c.expected) << topic;
    EXPECT_EQ(harness.deliveries.items.empty(), c.expected != Refusal::kNone) << topic;
    EXPECT_EQ(harness.publish(1, topic, "opaque"), c.expected) << topic;
  }
}

TEST(Router, AnswersADeniedRequestAndDropsADeniedEvent) {
  RouterHarness harness({.rules = {{Direction::kSend, "/closed", {}, {}}}});
  harness.connect(1, "a");
  harness.connect(2, "b", {"#"});
  EXPECT_EQ(harness.publish(1, "/closed", harness.event()), Refusal::kNotAuthorised);
  EXPECT_TRUE(harness.deliveries.items.empty());
  EXPECT_EQ(harness.router.refusal_detail(),
            "sending to /closed is allowed to nobody by the policy entry for /closed");
  EXPECT_EQ(harness.publish(1, "/closed", "opaque"), Refusal::kNotAuthorised);
  EXPECT_TRUE(harness.deliveries.items.empty());

  EXPECT_EQ(harness.publish(1, "/closed", harness.request("p", "{service}")),
            Refusal::kNotAuthorised);
  ASSERT_EQ(harness.summary(), (Lines{"/mcafee/client/{asker} -> 1"}));
  const dxl::MessageView error = harness.delivered()[0].message;
  EXPECT_EQ(error.type, dxl::MessageType::kErrorResponse);
  EXPECT_EQ(error.version, 3U);
  EXPECT_EQ(error.error_code, 0x80000013U);
  EXPECT_EQ(error.error_message, "not authorized to send to /closed");
  EXPECT_EQ(error.message_id.size(), 36U);
  EXPECT_EQ(error.request_message_id, "{request}");
  EXPECT_EQ(error.service_id, "{service}");
  EXPECT_EQ(error.source_client_id, kBroker);
  EXPECT_EQ(error.source_broker_id, kBroker);
  EXPECT_EQ(error.source_client_instance_id, kBroker);
  EXPECT_EQ(error.broker_ids.to_strings(), (Strings{std::string(kBroker)}));
  EXPECT_EQ(error.client_ids.to_strings(), (Strings{"a-sha1:1"}));
  EXPECT_TRUE(error.other_fields.empty());
}

TEST(Router, TellsOfRequestsAndAnswersThatMayPassAndOfNothingElse) {
  Lines heard;
  RouterOptions options;
  options.on_routed = [&heard](const dxl::MessageView& message) {
    heard.push_back(std::string(message.message_id) + "/" +
                    std::string(message.request_message_id));
  };
  RouterHarness harness({.rules = {{Direction::kSend, "/closed", {}, {}}}}, std::move(options));
  harness.connect(1, "a");
  harness.publish(1, "/closed", harness.request());
  harness.publish(1, "/t", harness.event());
  harness.publish(1, "/t", "opaque");
  harness.publish(1, "/mcafee/service/dxl/brokerregistry/query", harness.request("{}"));
  EXPECT_TRUE(heard.empty());

  harness.publish(1, "/t", harness.request());
  dxl::MessageView answer = harness.event();
  answer.type = dxl::MessageType::kResponse;
  answer.request_message_id = "{request}";
  harness.publish(1, "/mcafee/client/{asker}", answer);
  EXPECT_EQ(heard, (Lines{"{request}/", "{event}/{request}"}));
}

TEST(Router, NeverAnswersToATopicThatCannotBePublishedTo) {
  RouterHarness harness({.rules = {{Direction::kSend, "/closed", {}, {}}}});
  harness.connect(1, "a", {"#"});
  for (const std::string_view reply : {"", "/a/#", "+"}) {
    dxl::MessageView request = harness.request();
    request.reply_to_topic = reply;
    EXPECT_EQ(harness.publish(1, "/closed", request), Refusal::kNotAuthorised);
    EXPECT_TRUE(harness.deliveries.items.empty());
    EXPECT_EQ(harness.publish(1, "/nobody", request), Refusal::kNoDestination);
    EXPECT_TRUE(harness.deliveries.items.empty());
  }
}

TEST(Router, AWildcardSubscriptionIsFilteredAtDelivery) {
  RouterHarness harness(
      {.members = {{"server", {"server-sha1", ""}, {std::string(kGroupTieServer)}}}});
  harness.connect(1, "a");
  harness.connect(2, "snoop", {"#", "/mcafee/service/tie/#"});
  harness.connect(3, "server", {"/mcafee/service/tie/#"});
  harness.publish(1, "/mcafee/service/tie/file/reputation", "opaque");
  EXPECT_EQ(harness.deliveries.targets, (std::vector<ConnectionId>{3}));
  harness.publish(1, "/mcafee/client/{x}", harness.event());
  EXPECT_EQ(harness.summary(), (Lines{"/mcafee/client/{x} -> 2"}));
}

TEST(Router, ANewPolicyActsOnTheNextMessage) {
  RouterHarness harness;
  harness.connect(1, "a", {"/t"});
  harness.publish(1, "/t", harness.event());
  EXPECT_EQ(harness.summary(), (Lines{"/t -> 1"}));
  harness.set_policy({.rules = {{Direction::kReceive, "/t", {}, {}}}});
  harness.publish(1, "/t", harness.event());
  EXPECT_EQ(harness.summary(), Lines{});
  harness.set_policy({.rules = {{Direction::kSend, "/t", {}, {}}}});
  EXPECT_EQ(harness.publish(1, "/t", harness.event()), Refusal::kNotAuthorised);
}

TEST(Router, SubscriptionsComeAndGo) {
  RouterHarness harness;
  harness.connect(1, "a", {"/t", "/u"});
  EXPECT_EQ(harness.router.subscription_count(1), 2U);
  harness.unsubscribe(1, {"/t"});
  harness.publish(1, "/t", harness.event());
  EXPECT_EQ(harness.summary(), Lines{});
  harness.subscribe(1, {"/t"});
  harness.publish(1, "/t", harness.event());
  EXPECT_EQ(harness.summary(), (Lines{"/t -> 1"}));
  harness.connect(2, "b");
  harness.disconnect(1);
  EXPECT_EQ(harness.router.connection_count(), 1U);
  harness.publish(2, "/t", harness.event());
  EXPECT_EQ(harness.summary(), Lines{});
  EXPECT_EQ(harness.publish(1, "/t", harness.event()), Refusal::kNotAuthorised);
  harness.subscribe(1, {"/t"});
  EXPECT_EQ(harness.router.subscription_count(1), 0U);
}

TEST(Router, KeepsRoutingBeyondTheBoundsOfItsCache) {
  RouterHarness harness;
  harness.connect(1, "a", {"/t/#"});
  for (int i = 0; i < 10'000; ++i) {
    const std::string topic = "/t/" + std::to_string(i);
    harness.publish(1, topic, harness.event());
    ASSERT_EQ(harness.deliveries.items.size(), 1U);
  }
}

}  // namespace
}  // namespace tiara::fabric
