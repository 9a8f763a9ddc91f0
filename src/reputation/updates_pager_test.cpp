#include "reputation/updates_pager.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/decision_vectors.hpp"
#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using testing::ElementsAre;

DigestKey subject(std::uint8_t number) { return DigestKey(digest<tie::Md5>(number)); }

// What a store does: changes from `since` on until the pager has enough.
UpdatesPage page_of(const std::vector<Update>& changes, std::int64_t since, std::size_t limit) {
  UpdatesPager pager(since, limit);
  for (const Update& change : changes)
    if (change.time >= since && !pager.add(change)) break;
  return std::move(pager).finish();
}

TEST(UpdatesPager, FollowsTheCasesOfTheReference) {
  const auto& cases = decision_vectors().at("updates_paging_cases").at("cases");
  ASSERT_EQ(cases.size(), 5U);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.dump());
    std::vector<Update> changes;
    for (const std::int64_t time : c.at("changes")) {
      const auto number = static_cast<std::uint8_t>(changes.size() + 1);
      changes.push_back(Update{.time = time, .id = number, .subject = subject(number)});
    }
    const UpdatesPage page = page_of(changes, c.at("since"), c.at("limit"));
    std::vector<std::int64_t> times;
    for (const DigestKey& listed : page.subjects)
      for (const Update& change : changes)
        if (change.subject == listed) times.push_back(change.time);
    EXPECT_EQ(times, c.at("page").get<std::vector<std::int64_t>>());
    EXPECT_EQ(page.latest_update_time, c.at("latestUpdateTime").get<std::int64_t>());
    EXPECT_EQ(page.more, c.at("more").get<bool>());
  }
}

TEST(UpdatesPager, ListsASubjectOnceAtItsLastPlace) {
  const std::vector<Update> changes{{1, 1, subject(1)}, {2, 2, subject(2)}, {3, 3, subject(1)}};
  const UpdatesPage page = page_of(changes, 0, 3);
  EXPECT_THAT(page.subjects, ElementsAre(subject(2), subject(1)));
  EXPECT_EQ(page.latest_update_time, 3);
  EXPECT_FALSE(page.more);
}

TEST(UpdatesPager, StopsAtTheLimitHoweverOftenOneSubjectChanges) {
  UpdatesPager pager(0, 2);
  EXPECT_TRUE(pager.add({1, 1, subject(1)}));
  EXPECT_TRUE(pager.add({2, 2, subject(1)}));
  EXPECT_FALSE(pager.add({3, 3, subject(1)}));
  EXPECT_FALSE(pager.add({4, 4, subject(2)}));
  const UpdatesPage page = std::move(pager).finish();
  EXPECT_THAT(page.subjects, ElementsAre(subject(1)));
  EXPECT_EQ(page.latest_update_time, 2);
  EXPECT_TRUE(page.more);
}

// A page that lists nothing still ends later than it began, so that a reader gets through.
TEST(UpdatesPager, StopsLookingAtWhatNobodyWantsAtTheEndOfASecond) {
  UpdatesPager pager(5, 100);
  EXPECT_TRUE(pager.skip(5));
  EXPECT_TRUE(pager.add({6, 1, subject(1)}));
  for (std::size_t i = 0; i < UpdatesPager::kMostSkipped; ++i) ASSERT_TRUE(pager.skip(7));
  EXPECT_TRUE(pager.skip(7));
  EXPECT_TRUE(pager.add({7, 2, subject(2)}));
  EXPECT_FALSE(pager.skip(8));
  EXPECT_FALSE(pager.add({8, 3, subject(3)}));
  const UpdatesPage page = std::move(pager).finish();
  EXPECT_THAT(page.subjects, ElementsAre(subject(1), subject(2)));
  EXPECT_EQ(page.latest_update_time, 7);
  EXPECT_TRUE(page.more);
}

TEST(UpdatesPager, LooksAtTheWholeOfTheSecondItBeginsWith) {
  UpdatesPager pager(5, 100);
  for (std::size_t i = 0; i < 2 * UpdatesPager::kMostSkipped; ++i) ASSERT_TRUE(pager.skip(5));
  EXPECT_TRUE(pager.skip(6));
  EXPECT_FALSE(pager.skip(7));
  const UpdatesPage page = std::move(pager).finish();
  EXPECT_EQ(page.latest_update_time, 6);
  EXPECT_TRUE(page.more);
}

// Rolling from page to page ends, lists every changed subject, and never goes back.
TEST(UpdatesPager, RollingLosesNothingAndEnds) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Update> changes;
    std::set<DigestKey> expected;
    std::int64_t time = 1;
    const std::uint64_t count = random() % 60;
    for (std::uint64_t id = 1; id <= count; ++id) {
      time += random() % 4 == 0 ? 1 : 0;
      changes.push_back({time, id, subject(static_cast<std::uint8_t>(1 + random() % 50))});
      expected.insert(changes.back().subject);
    }
    const std::size_t limit = 1 + random() % 8;
    std::set<DigestKey> listed;
    std::int64_t since = 0;
    bool more = true;
    for (int pages = 0; more; ++pages) {
      ASSERT_LT(pages, 100);
      const UpdatesPage page = page_of(changes, since, limit);
      listed.insert(page.subjects.begin(), page.subjects.end());
      ASSERT_TRUE(!page.more || page.latest_update_time > since);
      more = page.more;
      since = page.latest_update_time;
    }
    EXPECT_EQ(listed, expected);
  }
}

}  // namespace
}  // namespace tiara::reputation
