#include "fabric/topic_registry.hpp"

#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

using Topic = std::optional<std::string>;

TEST(TopicRegistry, TellsTheFirstSubscriberAndTheLast) {
  TopicRegistry topics;
  EXPECT_EQ(topics.add("/a"), Topic("/a"));
  EXPECT_EQ(topics.add("/a"), Topic());
  EXPECT_EQ(topics.add("/a/#"), Topic("/a/#"));
  EXPECT_EQ(topics.change_count(), 2U);
  EXPECT_EQ(topics.size(), 2U);
  EXPECT_EQ(topics.remove("/a"), Topic());
  EXPECT_EQ(topics.remove("/a"), Topic("/a"));
  EXPECT_EQ(topics.remove("/a"), Topic());
  EXPECT_EQ(topics.change_count(), 3U);
  EXPECT_FALSE(topics.contains("/a"));
  EXPECT_TRUE(topics.contains("/a/#"));
  EXPECT_FALSE(topics.contains("/a/b"));
}

TEST(TopicRegistry, DoesNotTrackReplyTopics) {
  TopicRegistry topics;
  EXPECT_EQ(topics.add("/mcafee/client/{1}"), Topic());
  EXPECT_EQ(topics.remove("/mcafee/client/{1}"), Topic());
  EXPECT_EQ(topics.add("/mcafee/client/1"), Topic("/mcafee/client/1"));
  EXPECT_EQ(topics.size(), 1U);
}

TEST(TopicRegistry, TracksTheBeginningOfLongFilters) {
  TopicRegistry topics;
  const std::string begin = "/" + std::string(1022, 'x');
  EXPECT_EQ(topics.add(begin + "1"), Topic(begin));
  EXPECT_EQ(topics.add(begin + "2"), Topic());
  EXPECT_TRUE(topics.contains(begin));
  EXPECT_FALSE(topics.contains(begin + "1"));
  EXPECT_EQ(topics.remove(begin + "1"), Topic());
  EXPECT_EQ(topics.remove(begin + "2"), Topic(begin));
}

TEST(TopicRegistry, CutsLongFiltersBetweenCharacters) {
  const std::string kEuro = "\xe2\x82\xac";
  for (std::size_t before = 1020; before <= 1023; ++before) {
    TopicRegistry topics;
    const std::string begin(before, 'x');
    EXPECT_EQ(topics.add(begin + kEuro), Topic(before == 1020 ? begin + kEuro : begin)) << before;
  }
}

}  // namespace
}  // namespace tiara::fabric
