#include "sdk/event_callbacks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "sdk/recent_ids.hpp"

namespace tiara::sdk {
namespace {

std::shared_ptr<EventEntry> entry() {
  return std::make_shared<EventEntry>([](const dxl::Event&) {});
}

TEST(EventCallbacks, FindsTheExactTopicThenWildcardsNearestFirst) {
  EventCallbacks callbacks;
  const auto all = entry(), exact = entry(), again = entry(), plus = entry(), other = entry();
  callbacks.add("#", all);
  callbacks.add("/a/b", exact);
  callbacks.add("/a/+", plus);
  callbacks.add("/a/b", again);
  callbacks.add("/a/c", other);
  EXPECT_THAT(callbacks.find("/a/b"), testing::ElementsAre(exact, again, plus, all));
  EXPECT_EQ(callbacks.count_filters("/a/b"), 3U);
  EXPECT_THAT(callbacks.find("/x"), testing::ElementsAre(all));
  EXPECT_EQ(callbacks.count_filters("/x"), 1U);
}

TEST(EventCallbacks, WalksTheParentsOfATopic) {
  EventCallbacks callbacks;
  std::map<std::string, std::shared_ptr<EventEntry>> by_filter;
  for (const char* filter : {"#", "/#", "/a/#", "/a/b/#", "/a/b/c/#"}) {
    callbacks.add(filter, by_filter[filter] = entry());
  }
  const auto walk = [&](const std::string& topic) {
    std::vector<std::string> filters;
    for (const auto& found : callbacks.find(topic))
      for (const auto& [filter, each] : by_filter)
        if (each == found) filters.push_back(filter);
    return filters;
  };
  EXPECT_THAT(walk("/a/b/c"), testing::ElementsAre("/a/b/#", "/a/#", "/#", "#"));
  EXPECT_THAT(walk("/a"), testing::ElementsAre("/#", "#"));
  EXPECT_THAT(walk("/a/"), testing::ElementsAre("/a/#", "/#", "#"));
  EXPECT_THAT(walk("a"), testing::ElementsAre("#"));
  // The broker sends a copy for each filter that matches by MQTT's rule.
  EXPECT_EQ(callbacks.count_filters("/a"), 3U);
}

TEST(EventCallbacks, RemovesOneEntryAndLeavesItsNeighbours) {
  EventCallbacks callbacks;
  const auto one = entry(), two = entry(), wild = entry();
  callbacks.add("/a", one);
  callbacks.add("/a", two);
  callbacks.add("/#", wild);
  callbacks.remove("/a", one);
  EXPECT_THAT(callbacks.find("/a"), testing::ElementsAre(two, wild));
  callbacks.remove("/a", two);
  callbacks.remove("/#", wild);
  callbacks.remove("/#", wild);
  EXPECT_THAT(callbacks.find("/a"), testing::IsEmpty());
  EXPECT_EQ(callbacks.count_filters("/a"), 0U);
}

TEST(Revocable, DoesNotRunOnceRevoked) {
  int runs = 0;
  EventEntry callback([&](const dxl::Event&) { ++runs; });
  const auto plainly = [](auto&& run) { run(); };
  callback.call({}, plainly);
  callback.revoke(true);
  callback.call({}, plainly);
  EXPECT_EQ(runs, 1);
}

TEST(Revocable, RevokeWaitsForARunningCall) {
  std::promise<void> started, release;
  std::atomic<bool> finished{false};
  EventEntry callback([&](const dxl::Event&) {
    started.set_value();
    release.get_future().wait();
    finished = true;
  });
  std::thread runner([&] { callback.call({}, [](auto&& run) { run(); }); });
  started.get_future().wait();
  std::thread releaser([&] { release.set_value(); });
  callback.revoke(true);
  EXPECT_TRUE(finished);
  runner.join();
  releaser.join();
}

TEST(Revocable, MayBeRevokedFromInsideItself) {
  EventEntry* self = nullptr;
  EventEntry callback([&](const dxl::Event&) { self->revoke(false); });
  self = &callback;
  callback.call({}, [](auto&& run) { run(); });
}

TEST(RecentIds, RemembersTheLastFew) {
  RecentIds ids;
  EXPECT_FALSE(ids.seen("{a}"));
  EXPECT_TRUE(ids.seen("{a}"));
  for (int i = 0; i < 32; ++i) EXPECT_FALSE(ids.seen(std::to_string(i)));
  EXPECT_FALSE(ids.seen("{a}"));
  EXPECT_FALSE(ids.seen(""));
  EXPECT_FALSE(ids.seen(""));
}

}  // namespace
}  // namespace tiara::sdk
