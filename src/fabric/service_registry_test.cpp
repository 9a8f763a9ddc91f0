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

TEST(ServiceRegistry, ReplacesChannelsAndKeepsThemSortedAndUnique) {
  ServiceRegistry registry;
  registry.put(make_service("a", 1, {"/t", "/s", "/t"}));
  EXPECT_EQ(registry.find("a")->request_channels, (std::vector<std::string>{"/s", "/t"}));
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
