// The events a broker sends (DXL reference §5.7) and events that become requests (§5.4.5).
#include <gtest/gtest.h>

#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

const std::string kPrefix = "/mcafee/event/dxl/";
const std::string kAdded = kPrefix + "brokerregistry/topicadded";
const std::string kRemoved = kPrefix + "brokerregistry/topicremoved";
const std::string kConnect = kPrefix + "clientregistry/connect";
const std::string kDisconnect = kPrefix + "clientregistry/disconnect";

// Connection 9 watches the events of the registry and of clients.
class RouterEvents : public testing::Test {
 protected:
  RouterEvents() { harness.connect(9, "watcher", {kPrefix + "brokerregistry/+", kConnect}); }

  // "<topic's last level> <payload> <changeCount>" of each event.
  Lines events() const {
    Lines lines;
    for (const Delivered& item : harness.delivered()) {
      EXPECT_EQ(item.message.type, dxl::MessageType::kEvent);
      EXPECT_EQ(item.message.source_client_id, kBroker);
      EXPECT_EQ(item.message.source_broker_id, kBroker);
      EXPECT_EQ(item.message.source_client_instance_id, kBroker);
      const auto fields = item.message.other_fields.to_strings();
      std::string line = item.topic.substr(item.topic.rfind('/') + 1) + " ";
      line += item.message.payload.substr(0, item.message.payload.size() - 1);
      EXPECT_TRUE(item.message.payload.ends_with('\n'));
      if (!fields.empty()) {
        EXPECT_EQ(fields.size(), 4U);
        EXPECT_EQ(fields[0] + "=" + fields[1], "startTime=1795486115");
        EXPECT_EQ(fields[2], "changeCount");
        line += " " + fields[3];
      }
      lines.push_back(line);
    }
    return lines;
  }

  RouterHarness harness{{}, {.start_time = 1795486115}};
};

TEST_F(RouterEvents, TheFirstSubscriberAddsATopicAndTheLastRemovesIt) {
  harness.connect(1, "a");
  EXPECT_EQ(events(), Lines{});
  harness.subscribe(1, {"/t", "/t", "/w/#"});
  EXPECT_EQ(events(),
            (Lines{R"(topicadded {"topic":"/t"} 3)", R"(topicadded {"topic":"/w/#"} 4)"}));
  harness.connect(2, "b", {"/t"});
  EXPECT_EQ(events(), Lines{});
  harness.unsubscribe(1, {"/t", "/never"});
  EXPECT_EQ(events(), Lines{});
  harness.unsubscribe(2, {"/t"});
  EXPECT_EQ(events(), (Lines{R"(topicremoved {"topic":"/t"} 5)"}));
}

TEST_F(RouterEvents, ADisconnectRemovesTheTopicsNobodyElseHas) {
  harness.connect(1, "a", {"/z", "/b", "/shared"});
  harness.connect(2, "b", {"/shared"});
  harness.disconnect(1);
  EXPECT_EQ(events(),
            (Lines{R"(topicremoved {"topic":"/b"} 6)", R"(topicremoved {"topic":"/z"} 7)"}));
}

TEST_F(RouterEvents, ReplyTopicsAreNotAnnounced) {
  harness.connect(1, "a", {"/mcafee/client/{a}"});
  EXPECT_EQ(events(), Lines{});
  harness.disconnect(1);
  EXPECT_EQ(events(), Lines{});
}

TEST_F(RouterEvents, ALongFilterIsAnnouncedAsItsBeginning) {
  const std::string begin(1023, 'x');
  harness.connect(1, "a", {begin + "1"});
  EXPECT_EQ(events(), (Lines{"topicadded {\"topic\":\"" + begin + "\"} 3"}));
  harness.subscribe(1, {begin + "2"});
  EXPECT_EQ(events(), Lines{});
}

TEST_F(RouterEvents, ConnectEventsAreSentOnlyIfAskedFor) {
  harness.connect(1, "a");
  EXPECT_EQ(events(), Lines{});
  harness.disconnect(1);
  EXPECT_EQ(events(), Lines{});
}

TEST(RouterConnectEvents, TellWhoComesAndGoes) {
  RouterHarness harness({}, {.send_connect_events = true});
  harness.connect(9, "watcher", {kPrefix + "clientregistry/+", kPrefix + "svcregistry/unregister"});
  harness.connect(2, identity_of("b", 2));
  ASSERT_EQ(harness.summary(), Lines{kConnect + " -> 9"});
  EXPECT_EQ(harness.delivered()[0].message.payload, "{\"clientGuid\":\"b-sha1:2\"}\n");
  EXPECT_TRUE(harness.delivered()[0].message.other_fields.empty());
  harness.register_service(2, R"({"serviceGuid":"{1}","ttlMins":60})");
  harness.disconnect(2);
  ASSERT_EQ(harness.summary(),
            (Lines{kPrefix + "svcregistry/unregister -> 9", kDisconnect + " -> 9"}));
  EXPECT_EQ(harness.delivered()[1].message.payload, "{\"clientGuid\":\"b-sha1:2\"}\n");
  harness.disconnect(2);
  EXPECT_EQ(harness.summary(), Lines{});
}

TEST(RouterConnectEvents, CanBeSwitchedWhileRunning) {
  RouterHarness harness;
  harness.connect(9, "watcher", {kPrefix + "clientregistry/+"});
  harness.connect(1, identity_of("a", 1));
  EXPECT_EQ(harness.summary(), Lines{});
  harness.change(OptionsReplaced{.send_connect_events = true});
  harness.connect(2, identity_of("b", 2));
  EXPECT_EQ(harness.summary(), Lines{kConnect + " -> 9"});
  harness.change(OptionsReplaced{});
  harness.disconnect(2);
  EXPECT_EQ(harness.summary(), Lines{});
}

TEST(RouterConnectEvents, NeedTheRightToReceiveThem) {
  RouterHarness harness({.rules = {{Direction::kReceive, kPrefix + "#", {"boss-sha1"}, {}}}},
                        {.send_connect_events = true});
  harness.connect(8, "boss", {"#"});
  harness.connect(9, "nosy", {"#"});
  harness.connect(1, identity_of("a", 1));
  EXPECT_EQ(harness.summary(), Lines{kConnect + " -> 8"});
}

// Sent by a tester; the shell writes the log, the fabric delivers.
TEST_F(RouterEvents, DumpEventsAreDeliveredAsUsual) {
  harness.connect(1, "a", {kPrefix + "dumpservicestate"});
  for (const char* payload : {"", "{}"}) {
    EXPECT_EQ(harness.publish(9, kPrefix + "dumpservicestate", harness.event(payload)),
              Refusal::kNone);
    EXPECT_EQ(harness.summary(), Lines{kPrefix + "dumpservicestate -> 1"});
  }
}

// Services {s2} and {s3} of connections 2 and 3 want events on /e and below as requests to /p/e….
class EventToRequest : public testing::Test {
 protected:
  EventToRequest() : EventToRequest(Policy{}) {}
  explicit EventToRequest(Policy policy) : harness(std::move(policy)) {
    harness.connect(1, "sender");
    harness.connect(2, "s2", {"/p/e", "/p/e/deep"});
    harness.connect(3, "s3", {"/p/e"});
    harness.connect(4, "listener", {"/e", "/e/deep"});
    for (const ConnectionId id : {ConnectionId{2}, ConnectionId{3}}) wants(id, "/p", "/e");
  }

  void wants(ConnectionId id, const std::string& prefix, const std::string& topic) {
    EXPECT_EQ(harness.register_service(
                  id, R"({"serviceGuid":"{s)" + std::to_string(id) + R"(}","ttlMins":60,)" +
                          R"("requestChannels":["/p/e","/p/e/#","/mcafee/#"],"metaData":{)" +
                          R"("eventToRequestPrefix":")" + prefix + R"(","eventToRequestTopic1":")" +
                          topic + R"(","eventToRequestTopic2":"/e/#"}})"),
              Refusal::kNone);
  }

  Lines published(const std::string& topic) {
    harness.publish(1, topic, RouterHarness::event("payload"));
    return harness.summary();
  }

  RouterHarness harness;
};

TEST_F(EventToRequest, SendsARequestBesideTheEvent) {
  const std::vector<std::string_view> fields{"k", "v"};
  dxl::MessageView event = harness.event("payload");
  event.other_fields = std::span(fields);
  harness.publish(1, "/e", event);
  ASSERT_EQ(harness.summary(), (Lines{"/e -> 4", "/p/e -> 2"}));
  const dxl::MessageView request = harness.delivered()[1].message;
  EXPECT_EQ(request.type, dxl::MessageType::kRequest);
  EXPECT_EQ(request.version, 3U);
  EXPECT_EQ(request.message_id, "{event}");
  EXPECT_EQ(request.source_client_id, "sender-sha1");
  EXPECT_EQ(request.source_client_instance_id, "sender-sha1:1");
  EXPECT_EQ(request.source_broker_id, kBroker);
  EXPECT_EQ(request.reply_to_topic, "/mcafee/client/sender-sha1");
  EXPECT_EQ(request.service_id, "{s2}");
  EXPECT_EQ(request.broker_ids.to_strings(), Filters{std::string(kBroker)});
  EXPECT_EQ(request.client_ids.to_strings(), Filters{"s2-sha1:2"});
  EXPECT_EQ(request.payload, "payload");
  EXPECT_TRUE(request.other_fields.empty());
}

TEST_F(EventToRequest, LooksForTheTopicThenForItsParentsAndTakesTurns) {
  EXPECT_EQ(published("/e"), (Lines{"/e -> 4", "/p/e -> 2"}));
  EXPECT_EQ(published("/e"), (Lines{"/e -> 4", "/p/e -> 3"}));
  EXPECT_EQ(published("/e/deep"), (Lines{"/e/deep -> 4", "/p/e/deep -> 2"}));
  EXPECT_EQ(published("/other"), Lines{});
  harness.publish(1, "/e", RouterHarness::encode(harness.request()));
  EXPECT_EQ(harness.summary(), (Lines{"/mcafee/client/{asker} -> 1"})) << "only events convert";
}

TEST_F(EventToRequest, StaysSilentWhenNoServiceCanTakeIt) {
  harness.overloaded = {2, 3};
  EXPECT_EQ(published("/e"), Lines{"/e -> 4"});
  harness.overloaded.clear();
  harness.unsubscribe(2, {"/p/e"});
  harness.disconnect(3);
  EXPECT_EQ(published("/e"), Lines{"/e -> 4"});
}

TEST_F(EventToRequest, SendsOneRequestForEachPrefix) {
  harness.subscribe(3, {"/q/e"});
  EXPECT_EQ(
      harness.register_service(
          3,
          R"({"serviceGuid":"{q}","requestChannels":["/q/e"],"ttlMins":60,"metaData":{"eventToRequestPrefix":"/q","eventToRequestTopic":"/e"}})"),
      Refusal::kNone);
  EXPECT_EQ(published("/e"), (Lines{"/e -> 4", "/p/e -> 2", "/q/e -> 3"}));
}

// A prefix must neither lend the sender rights nor reach what the broker answers itself.
TEST_F(EventToRequest, ReachesNoTopicTheSenderMayNotSendTo) {
  harness.connect(5, "any", {"#"});
  const std::pair<const char*, const char*> kCases[] = {
      {"/mcafee/service/tie", "/file/reputation/set"},
      {"/mcafee/service/dxl", "/svcregistry/query"},
      {"/mcafee/service/dxl", "/unknown"},
      {"/opendxl-tiara/service/fabric", "/authorization"},
      {"/mcafee/event/dxl", "/fabricchange"},
      {"/bad/+", "/topic"},
      {"/bad/#", "/topic"},
  };
  for (const auto& [prefix, topic] : kCases) {
    wants(2, prefix, topic);
    EXPECT_EQ(published(topic), Lines{std::string(topic) + " -> 5"}) << prefix;
  }
}

}  // namespace
}  // namespace tiara::fabric
