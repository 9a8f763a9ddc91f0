#include "dxl/topic.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dxl {
namespace {

std::vector<std::string> parents_of(std::string_view topic, std::size_t most = 100) {
  std::vector<std::string> parents;
  std::string buffer;
  walk_parents(topic, buffer, [&parents, most](std::string_view parent) {
    parents.emplace_back(parent);
    return parents.size() < most;
  });
  return parents;
}

TEST(WalkParents, FollowsTheTableOfTheReference) {
  using Parents = std::vector<std::string>;
  const std::pair<std::string_view, Parents> cases[] = {
      {"/a/b/c", {"/a/b/#", "/a/#", "/#", "#"}},
      {"/a", {"/#", "#"}},
      {"/a/", {"/a/#", "/#", "#"}},
      {"a", {"#"}},
      {"a/b", {"a/#", "#"}},
      {"/", {"/#", "#"}},
      {"//", {"//#", "/#", "#"}},
      {"/a//b", {"/a//#", "/a/#", "/#", "#"}},
      {"", {"#"}},
  };
  for (const auto& [topic, parents] : cases) EXPECT_EQ(parents_of(topic), parents) << topic;
}

TEST(WalkParents, StopsWhenTheVisitorHasSeenEnough) {
  EXPECT_EQ(parents_of("/a/b/c", 2), (std::vector<std::string>{"/a/b/#", "/a/#"}));
}

TEST(Topic, IsValidWithoutWildcardsWithinTheLimits) {
  const std::string longest = "/" + std::string(kMaxTopicBytes - 1, 'x');
  std::string deepest(kMaxTopicLevels - 1, '/');
  for (const std::string& topic :
       {std::string("/a/b"), std::string("a"), std::string("/"), std::string("$SYS/x"),
        std::string("/\xc3\xbc"), std::string("/a b"), longest, deepest}) {
    EXPECT_TRUE(is_valid_topic(topic)) << topic;
    EXPECT_TRUE(is_valid_filter(topic)) << topic;
  }
  for (const std::string& topic :
       {std::string(), longest + "x", deepest + "/", std::string("/a\0b", 4), std::string("/\xc3"),
        std::string("/\xed\xa0\x80")}) {
    EXPECT_FALSE(is_valid_topic(topic)) << topic;
    EXPECT_FALSE(is_valid_filter(topic)) << topic;
  }
  for (const char* topic : {"#", "+", "/a/#", "/+/b", "/a#", "a+b"}) {
    EXPECT_FALSE(is_valid_topic(topic)) << topic;
    EXPECT_TRUE(has_wildcard(topic)) << topic;
  }
  EXPECT_FALSE(has_wildcard("/a/b"));
}

TEST(Filter, AllowsPlusAsAWholeLevelAndHashAtTheEnd) {
  for (const char* filter : {"#", "+", "/#", "/+", "+/+", "/a/+/b", "/a/+/#", "+/#"}) {
    EXPECT_TRUE(is_valid_filter(filter)) << filter;
  }
  for (const char* filter : {"/a#", "#/a", "/#/a", "/a+", "+a", "/a/b+/c", "##", "/a/##", "+#"}) {
    EXPECT_FALSE(is_valid_filter(filter)) << filter;
  }
}

TEST(Filter, MatchesAsMqttSays) {
  struct Case {
    const char* filter;
    const char* topic;
    bool matches;
  };
  const Case cases[] = {
      {"/a/b", "/a/b", true},     {"/a/b", "/a/bc", false}, {"/a/b", "/a", false},
      {"/a", "/a/b", false},      {"/a/b", "/A/b", false},  {"#", "/a/b", true},
      {"#", "a", true},           {"/#", "/a", true},       {"/#", "a", false},
      {"/a/#", "/a", true},       {"/a/#", "/a/", true},    {"/a/#", "/a/b/c", true},
      {"/a/#", "/ab", false},     {"+", "a", true},         {"+", "/a", false},
      {"+/+", "/a", true},        {"/+", "/a", true},       {"/+", "/a/b", false},
      {"/+/c", "/b/c", true},     {"/+/c", "//c", true},    {"/a/+", "/a/", true},
      {"/a/+", "/a", false},      {"/a/+/#", "/a/b", true}, {"/a/+/#", "/a", false},
      {"#", "$SYS/a", false},     {"+/a", "$SYS/a", false}, {"$SYS/#", "$SYS/a", true},
      {"$SYS/+", "$SYS/a", true}, {"/#", "/$SYS", true},    {"", "", true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(filter_matches(c.filter, c.topic), c.matches) << c.filter << " and " << c.topic;
  }
}

TEST(Topic, OfRepliesStandsUnderTheClientPrefix) {
  EXPECT_EQ(reply_topic_of("{c0ffee00}"), "/mcafee/client/{c0ffee00}");
}

}  // namespace
}  // namespace dxl
