#include "fabric/subscriptions.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "dxl/topic.hpp"

namespace tiara::fabric {
namespace {

std::vector<ConnectionId> matches(const Subscriptions& subscriptions, std::string_view topic) {
  std::vector<ConnectionId> out;
  subscriptions.match(topic, out);
  return out;
}

using Ids = std::vector<ConnectionId>;

TEST(Subscriptions, EachMatchingConnectionCountsOnceHoweverManyFiltersMatch) {
  Subscriptions subscriptions;
  EXPECT_TRUE(subscriptions.add(1, "/a/b"));
  EXPECT_TRUE(subscriptions.add(1, "/a/#"));
  EXPECT_TRUE(subscriptions.add(1, "/+/b"));
  EXPECT_TRUE(subscriptions.add(2, "/a/b"));
  EXPECT_FALSE(subscriptions.add(2, "/a/b"));
  EXPECT_EQ(matches(subscriptions, "/a/b"), (Ids{1, 2}));
  EXPECT_EQ(matches(subscriptions, "/a/c"), (Ids{1}));
  EXPECT_EQ(matches(subscriptions, "/c"), Ids{});
  EXPECT_EQ(subscriptions.count(1), 3U);
  EXPECT_EQ(subscriptions.count(2), 1U);
  EXPECT_EQ(subscriptions.count(3), 0U);
}

TEST(Subscriptions, RemovingOneFilterLeavesTheOthers) {
  Subscriptions subscriptions;
  subscriptions.add(1, "/a/#");
  subscriptions.add(1, "/a/+/c");
  EXPECT_TRUE(subscriptions.remove(1, "/a/#"));
  EXPECT_FALSE(subscriptions.remove(1, "/a/#"));
  EXPECT_FALSE(subscriptions.remove(9, "/a/#"));
  EXPECT_EQ(matches(subscriptions, "/a/b/c"), (Ids{1}));
  EXPECT_EQ(matches(subscriptions, "/a"), Ids{});
  subscriptions.remove_all(1);
  subscriptions.remove_all(1);
  EXPECT_EQ(matches(subscriptions, "/a/b/c"), Ids{});
  EXPECT_EQ(subscriptions.count(1), 0U);
}

TEST(Subscriptions, FollowMqttWildcards) {
  const struct {
    const char *filter, *topic;
    bool matches;
  } kCases[] = {
      {"/a/#", "/a", true},       {"/a/#", "/a/", true},      {"/a/#", "/ab", false},
      {"#", "/a/b", true},        {"#", "$SYS/x", false},     {"+/x", "$SYS/x", false},
      {"$SYS/#", "$SYS/x", true}, {"$SYS/+", "$SYS/x", true}, {"+", "a", true},
      {"+", "/a", false},         {"+/+", "/a", true},        {"/+", "/", true},
      {"/a/+/c", "/a//c", true},  {"a/+/#", "a/b", true},     {"a/+/#", "a", false},
  };
  for (const auto& c : kCases) {
    Subscriptions subscriptions;
    subscriptions.add(7, c.filter);
    EXPECT_EQ(!matches(subscriptions, c.topic).empty(), c.matches) << c.filter << " " << c.topic;
    EXPECT_EQ(dxl::filter_matches(c.filter, c.topic), c.matches) << c.filter << " " << c.topic;
  }
}

// Random operations against the obvious implementation.
TEST(Subscriptions, AgreeWithANaiveImplementationOnRandomOperations) {
  std::mt19937 random(20240817);
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::vector<std::string> kLevels{"", "a", "b", "c", "$s"};
  const auto make_topic = [&] {
    std::string topic = kLevels[pick(kLevels.size())];
    for (std::size_t n = pick(4); n > 0; --n) topic += "/" + kLevels[pick(kLevels.size())];
    return topic;
  };
  const auto make_filter = [&] {
    std::string filter;
    const std::size_t levels = 1 + pick(4);
    for (std::size_t i = 0; i < levels; ++i) {
      if (i > 0) filter += '/';
      const std::size_t kind = pick(8);
      if (kind == 0 && i + 1 == levels)
        filter += '#';
      else if (kind <= 2)
        filter += '+';
      else
        filter += kLevels[pick(kLevels.size())];
    }
    return filter;
  };

  Subscriptions subscriptions;
  std::map<ConnectionId, std::set<std::string>> naive;
  for (int step = 0; step < 20'000; ++step) {
    const ConnectionId connection = 1 + pick(12);
    const std::size_t action = pick(10);
    if (action < 4) {
      const std::string filter = make_filter();
      EXPECT_EQ(subscriptions.add(connection, filter), naive[connection].insert(filter).second);
    } else if (action < 6) {
      const auto& own = naive[connection];
      std::string filter = make_filter();
      if (!own.empty() && pick(2) == 0)
        filter = *std::next(own.begin(), static_cast<long>(pick(own.size())));
      EXPECT_EQ(subscriptions.remove(connection, filter), naive[connection].erase(filter) == 1);
    } else if (action == 6 && pick(10) == 0) {
      subscriptions.remove_all(connection);
      naive.erase(connection);
    } else {
      const std::string topic = make_topic();
      std::set<ConnectionId> expected;
      for (const auto& [id, filters] : naive)
        for (const std::string& filter : filters)
          if (dxl::filter_matches(filter, topic)) expected.insert(id);
      const Ids got = matches(subscriptions, topic);
      EXPECT_EQ(std::set<ConnectionId>(got.begin(), got.end()), expected) << topic;
      EXPECT_EQ(got.size(), expected.size()) << "a connection appeared twice for " << topic;
    }
    EXPECT_EQ(subscriptions.count(connection), naive[connection].size());
    if (HasFailure()) break;
  }
}

TEST(Subscriptions, CountsEverySubscriptionThatMatches) {
  Subscriptions subscriptions;
  const std::pair<ConnectionId, const char*> kFilters[] = {
      {1, "/a/b"}, {1, "/a/#"}, {1, "#"}, {2, "/a/b"}, {2, "/+/b"}, {3, "/a/c"}, {3, "$sys/x"}};
  for (const auto& [connection, filter] : kFilters) subscriptions.add(connection, filter);
  const std::pair<const char*, std::size_t> kCases[] = {
      {"/a/b", 5}, {"/a", 2}, {"/x/b", 2}, {"/a/c", 3}, {"$sys/x", 1}, {"/a/#", 2}, {"", 1}};
  for (const auto& [topic, count] : kCases)
    EXPECT_EQ(subscriptions.count_matching(topic), count) << topic;
  EXPECT_EQ(subscriptions.remove_all(1), (std::vector<std::string>{"#", "/a/#", "/a/b"}));
  EXPECT_EQ(subscriptions.count_matching("/a/b"), 2U);
}

}  // namespace
}  // namespace tiara::fabric
