#include "fabric/service_registry.hpp"

#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

using std::chrono::minutes;

constexpr base::SteadyTime kStart{};

Service make_service(std::string id, ConnectionId connection, std::vector<std::string> channels,
                     std::string owner = "cert") {
  Service service;
  service.service_guid = std::move(id);
  service.request_channels = std::move(channels);
  service.connection = connection;
  service.client_guid = std::move(owner);
  service.ttl_minutes = 60;
  service.registered_at = kStart;
  return service;
}

bool anyone(const Service&) { return true; }

// Ids chosen by `count` lookups, joined.
std::string turns(ServiceRegistry& registry, std::string_view topic, int count,
                  base::SteadyTime now = kStart) {
  std::string ids;
  for (int i = 0; i < count; ++i) {
    const Service* service = registry.next(topic, now, anyone);
    ids += service == nullptr ? "-" : service->service_guid;
  }
  return ids;
}

TEST(ServiceRegistry, TakesTurnsPerTopicAndRestartsWhenAnInstanceComesOrGoes) {
  ServiceRegistry registry;
  registry.put(make_service("a", 1, {"/t"}));
  registry.put(make_service("b", 2, {"/t", "/u"}));
  EXPECT_EQ(turns(registry, "/t", 3), "aba");
  EXPECT_EQ(turns(registry, "/u", 2), "bb");
  registry.put(make_service("a", 1, {"/t"}));  // a refresh
  EXPECT_EQ(turns(registry, "/t", 2), "ba");
  registry.put(make_service("c", 3, {"/t"}));
  EXPECT_EQ(turns(registry, "/t", 4), "abca");
  registry.remove("b", "cert");
  EXPECT_EQ(turns(registry, "/t", 3), "aca");
  EXPECT_EQ(turns(registry, "/u", 1), "-");
}

// The reference's three brokers A <- B <- C, each in its own zone and those of its ancestors, with
// one instance hosted on each.
TEST(ServiceRegistry, TriesZonesInOrderAndTakesTurnsWithin) {
  const std::vector<std::string> kA{"zA"}, kB{"zB", "zA"}, kC{"zC", "zB", "zA"}, kNone, kD{"zD"};
  const struct {
    std::vector<std::string> own;
    const char *turns, *without_c;
  } kCases[] = {
      {kC, "cccccc", "bbbbbb"}, {kB, "bcbcbc", "bbbbbb"},
      {kA, "abcabc", "ababab"}, {kNone, "abcabc", "ababab"},  // everything is "the rest"
      {kD, "abcabc", "ababab"},
  };
  for (const auto& c : kCases) {
    ServiceRegistry registry(c.own);
    for (const auto& [id, zones] : {std::pair{"a", kA}, {"b", kB}, {"c", kC}}) {
      Service service = make_service(id, 1, {"/t"});
      service.broker_zones = zones;
      registry.put(service);
    }
    EXPECT_EQ(turns(registry, "/t", 6), c.turns);
    registry.remove("c", "cert");
    EXPECT_EQ(turns(registry, "/t", 6), c.without_c);
  }
}

TEST(ServiceRegistry, ANearerZoneThatCannotServeIsLeftForTheNext) {
  ServiceRegistry registry({"near", "far"});
  for (const auto& [id, zone] : {std::pair{"f", "far"}, {"n", "near"}, {"x", "elsewhere"}}) {
    Service service = make_service(id, 1, {"/t"});
    service.broker_zones = {zone};
    registry.put(service);
  }
  EXPECT_EQ(turns(registry, "/t", 2), "nn");
  const auto not_near = [](const Service& service) { return service.service_guid != "n"; };
  EXPECT_EQ(registry.next("/t", kStart, not_near)->service_guid, "f");
  Service moved = make_service("n", 1, {"/t"});
  moved.broker_zones = {"elsewhere"};
  registry.put(moved);
  EXPECT_EQ(turns(registry, "/t", 2), "ff");
  registry.remove("f", "cert");
  EXPECT_EQ(turns(registry, "/t", 4), "xnxn");
}

// "topic=prefix:services,…" of the answer for `topic`.
std::string prefixes(ServiceRegistry& registry, std::string_view topic) {
  const std::vector<EventPrefix>* found = registry.find_event_prefixes(topic);
  if (found == nullptr) return "-";
  std::string text;
  for (const EventPrefix& entry : *found)
    text += (text.empty() ? "" : ",") + entry.prefix + ":" + std::to_string(entry.services);
  return text;
}

TEST(ServiceRegistry, KnowsWhichEventsServicesWantAsRequests) {
  ServiceRegistry registry;
  const auto put = [&](const char* id, std::map<std::string, std::string> metadata) {
    Service service = make_service(id, 1, {});
    service.metadata = std::move(metadata);
    registry.put(service);
  };
  put("a", {{"eventToRequestPrefix", "/p"},
            {"eventToRequestTopic1", "/e"},
            {"eventToRequestTopicTwo", "/e/#"}});
  put("b", {{"eventToRequestPrefix", "/q"}, {"eventToRequestTopic", "/e"}});
  put("c", {{"eventToRequestPrefix", "/p"}, {"eventToRequestTopic", "/e"}});
  put("no prefix", {{"eventToRequestTopic", "/x"}});
  put("wrong case", {{"EventToRequestPrefix", "/p"}, {"EventToRequestTopic", "/x"}});
  EXPECT_EQ(prefixes(registry, "/e"), "/p:2,/q:1");
  EXPECT_EQ(prefixes(registry, "/e/deep/er"), "/p:1");
  EXPECT_EQ(prefixes(registry, "/x"), "-");
  put("a", {{"eventToRequestPrefix", "/r"}, {"eventToRequestTopic", "/e"}});  // a refresh
  EXPECT_EQ(prefixes(registry, "/e"), "/p:1,/q:1,/r:1");
  EXPECT_EQ(prefixes(registry, "/e/deep/er"), "-");
  registry.remove_connection(1);
  EXPECT_EQ(prefixes(registry, "/e"), "-");
}

TEST(ServiceRegistry, FallsBackToParentWildcardsNearestFirst) {
  ServiceRegistry registry;
  registry.put(make_service("far", 1, {"#"}));
  registry.put(make_service("near", 1, {"/a/#"}));
  registry.put(make_service("exact", 1, {"/a/b"}));
  EXPECT_EQ(turns(registry, "/a/b", 1), "exact");
  EXPECT_EQ(turns(registry, "/a/c", 1), "near");
  EXPECT_EQ(turns(registry, "/a", 1), "far");  // `/a/#` is no parent of `/a`
  const auto not_near = [](const Service& service) { return service.service_guid != "near"; };
  EXPECT_EQ(registry.next("/a/c", kStart, not_near)->service_guid, "far");
}

TEST(ServiceRegistry, SkipsTheIneligibleAndTheExpired) {
  ServiceRegistry registry;
  registry.put(make_service("a", 1, {"/t"}));
  Service brief = make_service("b", 2, {"/t"});
  brief.ttl_minutes = 0;  // usable for the grace period only
  registry.put(brief);
  EXPECT_EQ(turns(registry, "/t", 2, kStart + minutes(5)), "ab");
  EXPECT_EQ(turns(registry, "/t", 2, kStart + minutes(5) + std::chrono::seconds(1)), "aa");
  EXPECT_EQ(turns(registry, "/t", 1, kStart + minutes(65)), "a");
  EXPECT_EQ(turns(registry, "/t", 1, kStart + minutes(66)), "-");
  EXPECT_NE(registry.find("b"), nullptr);  // still known until the sweep
  EXPECT_FALSE(registry.has_expired(kStart + minutes(5)));
  EXPECT_TRUE(registry.has_expired(kStart + minutes(6)));

  std::vector<std::string> gone;
  for (const Service& service : registry.remove_expired(kStart + minutes(6)))
    gone.push_back(service.service_guid);
  EXPECT_EQ(gone, std::vector<std::string>{"b"});
  EXPECT_EQ(registry.size(), 1U);
}

TEST(ServiceRegistry, ALifetimeBeyondAnyClockDoesNotOverflow) {
  ServiceRegistry registry;
  Service service = make_service("a", 1, {"/t"});
  service.ttl_minutes = 0xffffffffU;
  registry.put(service);
  EXPECT_EQ(turns(registry, "/t", 1, kStart + std::chrono::hours(24 * 365)), "a");
}

TEST(ServiceRegistry, OnlyTheOwnersCertificateChangesAnEntry) {
  ServiceRegistry registry;
  EXPECT_TRUE(registry.put(make_service("a", 1, {"/t"}, "owner")));
  EXPECT_FALSE(registry.put(make_service("a", 2, {"/t"}, "thief")));
  EXPECT_FALSE(registry.remove("a", "thief").has_value());
  EXPECT_EQ(registry.find("a")->connection, 1U);
  EXPECT_TRUE(registry.remove("a", "owner").has_value());
  EXPECT_FALSE(registry.remove("a", "owner").has_value());
}

TEST(ServiceRegistry, MovesWithItsOwnerToANewConnection) {
  ServiceRegistry registry;
  registry.put(make_service("a", 1, {"/t"}));
  registry.put(make_service("a", 2, {"/t"}));
  EXPECT_EQ(registry.count(1), 0U);
  EXPECT_EQ(registry.count(2), 1U);
  EXPECT_TRUE(registry.remove_connection(1).empty());
  EXPECT_EQ(registry.find("a")->connection, 2U);
  EXPECT_EQ(registry.remove_connection(2).size(), 1U);
  EXPECT_EQ(registry.size(), 0U);
}

TEST(ServiceRegistry, ReplacesChannels) {
  ServiceRegistry registry;
  registry.put(make_service("a", 1, {"/s", "/t"}));
  registry.put(make_service("a", 1, {"/u"}));
  EXPECT_EQ(turns(registry, "/t", 1), "-");
  EXPECT_EQ(turns(registry, "/u", 1), "a");
  EXPECT_EQ(registry.count(1), 1U);
}

TEST(ServiceRegistry, ListsInOrderOfId) {
  ServiceRegistry registry;
  for (const char* id : {"b", "c", "a"}) registry.put(make_service(id, 1, {"/t"}));
  std::string ids;
  registry.for_each([&](const Service& service) { ids += service.service_guid; });
  EXPECT_EQ(ids, "abc");
}

}  // namespace
}  // namespace tiara::fabric
