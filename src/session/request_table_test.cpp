#include "session/request_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace tiara::session {
namespace {

constexpr base::SteadyTime at(int seconds) {
  return base::SteadyTime(std::chrono::seconds(seconds));
}

TEST(RequestTable, EndsARequestOnce) {
  RequestTable table;
  ASSERT_TRUE(table.add("{a}", 7, at(10)));
  EXPECT_EQ(table.take("{a}"), 7U);
  EXPECT_EQ(table.take("{a}"), std::nullopt);
  EXPECT_EQ(table.take_expired(at(99)), std::nullopt);
  EXPECT_EQ(table.size(), 0U);
}

TEST(RequestTable, RefusesAnIdOrTokenThatIsOutstanding) {
  RequestTable table;
  ASSERT_TRUE(table.add("{a}", 1, at(10)));
  EXPECT_FALSE(table.add("{a}", 2, at(10)));
  EXPECT_FALSE(table.add("{b}", 1, at(10)));
  EXPECT_EQ(table.size(), 1U);
  table.cancel(1);
  EXPECT_TRUE(table.add("{a}", 1, at(10)));
}

TEST(RequestTable, ExpiresExactlyAtTheDeadlineAndEarliestFirst) {
  RequestTable table;
  table.add("{late}", 1, at(30));
  table.add("{early}", 2, at(10));
  table.add("{middle}", 3, at(20));
  EXPECT_EQ(table.next_deadline(), at(10));
  EXPECT_EQ(table.take_expired(at(10) - std::chrono::nanoseconds(1)), std::nullopt);
  EXPECT_EQ(table.take_expired(at(30)), 2U);
  EXPECT_EQ(table.take_expired(at(30)), 3U);
  EXPECT_EQ(table.take_expired(at(30)), 1U);
  EXPECT_EQ(table.take_expired(at(30)), std::nullopt);
  EXPECT_EQ(table.next_deadline(), base::SteadyTime::max());
}

TEST(RequestTable, ADeadlineOfAnEndedRequestDoesNotEndTheNextUserOfItsSlot) {
  RequestTable table;
  table.add("{a}", 1, at(10));
  table.take("{a}");
  table.add("{b}", 2, at(20));
  EXPECT_EQ(table.take_expired(at(15)), std::nullopt);
  EXPECT_EQ(table.next_deadline(), at(20));
}

TEST(RequestTable, AgreesWithAPlainMapOverRandomOperations) {
  RequestTable table;
  std::map<std::string, std::pair<RequestToken, base::SteadyTime>> model;
  std::mt19937 random(20'260'101);
  RequestToken token = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::string id = "{request-with-a-long-id-" + std::to_string(random() % 300) + "}";
    switch (random() % 4) {
      case 0:
      case 1: {
        const auto deadline = at(step + static_cast<int>(random() % 500));
        ++token;
        EXPECT_EQ(table.add(id, token, deadline),
                  model.emplace(id, std::pair(token, deadline)).second);
        break;
      }
      case 2: {
        const auto found = model.find(id);
        const auto taken = table.take(id);
        ASSERT_EQ(taken.has_value(), found != model.end());
        if (!taken) break;
        EXPECT_EQ(*taken, found->second.first);
        model.erase(found);
        break;
      }
      default:
        while (const auto expired = table.take_expired(at(step))) {
          ASSERT_EQ(std::erase_if(model,
                                  [&](const auto& entry) {
                                    return entry.second.first == *expired &&
                                           entry.second.second <= at(step);
                                  }),
                    1U);
        }
        for (const auto& entry : model) ASSERT_GT(entry.second.second, at(step));
    }
    ASSERT_EQ(table.size(), model.size());
  }
}

}  // namespace
}  // namespace tiara::session
