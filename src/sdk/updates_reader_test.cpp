#include "tie/updates_reader.hpp"

#include <map>
#include <set>

#include "sdk/tie_client_fixture.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;

// A service with changes at certain seconds, whose pages follow L22 or, like a naive one, are cut
// at the limit in the middle of a second.
class TieUpdates : public TieClient {
 protected:
  void serve_changes(std::vector<std::int64_t> times, bool whole_seconds) {
    serve(kTopicUpdates,
          [times = std::move(times), whole_seconds](const std::string& payload) -> Made {
            const auto get = decode_get_updates(payload);
            const auto limit = static_cast<std::size_t>(get->query_limit.value_or(100));
            Updates page;
            page.latest_update_time = get->since;
            for (std::size_t i = 0; i < times.size(); ++i) {
              if (times[i] < get->since) continue;
              const bool inside = !page.files.empty() && times[i] == page.latest_update_time;
              const bool progress = page.latest_update_time > get->since;
              if (page.files.size() >= limit && !(whole_seconds && (inside || !progress))) {
                page.more = true;
                page.server_time = 99;
                break;
              }
              page.files.push_back(numbered_hashes(static_cast<std::uint32_t>(i)));
              page.latest_update_time = times[i];
            }
            std::string out;
            append_updates(page, *get, out);
            return out;
          });
  }
  // Everything that the reader gives, until it has no more; -1: an error ended it.
  std::set<std::uint32_t> read_all(UpdatesReader& reader, int& pages) {
    std::set<std::uint32_t> seen;
    for (pages = 0; pages < 1'000; ++pages) {
      const auto page = reader.next();
      EXPECT_TRUE(page) << page.error().message;
      if (!page || !*page) break;
      for (const FileHashes& file : (*page)->files) seen.insert(number_of(file));
    }
    return seen;
  }
};

TEST_F(TieUpdates, RollsThroughEverythingAndEnds) {
  std::vector<std::int64_t> times;
  for (std::int64_t second = 10; second < 40; ++second)
    for (int i = 0; i < 1 + second % 7; ++i) times.push_back(second);
  serve_changes(times, true);
  for (const std::int64_t limit : {1, 2, 7, 5'000}) {
    UpdatesReader reader(tie, {.since = 0, .query_limit = limit});
    int pages = 0;
    EXPECT_EQ(read_all(reader, pages).size(), times.size()) << limit;
    EXPECT_LT(pages, 100);
    EXPECT_EQ(reader.since(), 39);
  }
}

TEST_F(TieUpdates, ASecondLargerThanThePageIsAskedForWithALargerOne) {
  const std::vector<std::int64_t> times(40, 10);
  serve_changes(times, false);
  UpdatesReader reader(tie, {.since = 10, .query_limit = 3});
  int pages = 0;
  EXPECT_EQ(read_all(reader, pages).size(), times.size());
  EXPECT_EQ(reader.since(), 10);
}

TEST_F(TieUpdates, ASecondThatNoPageHoldsIsToldAndPassed) {
  std::vector<std::int64_t> times(static_cast<std::size_t>(kMaxQueryLimit) + 1, 10);
  times.push_back(11);
  serve_changes(times, false);
  UpdatesReader reader(tie, {.since = 10});
  const auto lost = reader.next();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kLimitExceeded);
  EXPECT_EQ(reader.since(), 11);
  int pages = 0;
  EXPECT_EQ(read_all(reader, pages).size(), 1U);
}

TEST_F(TieUpdates, NothingNewIsTheEndAndALaterCallAsksAgain) {
  serve_changes({}, true);
  UpdatesReader reader(tie, {.since = 5});
  EXPECT_EQ(reader.next().value(), std::nullopt);
  EXPECT_EQ(reader.since(), 5);
  serve_changes({6}, true);
  EXPECT_EQ(reader.next().value()->files.size(), 1U);
  EXPECT_EQ(reader.next().value(), std::nullopt);
  EXPECT_EQ(reader.since(), 6);
}

TEST_F(TieUpdates, TimeNeverGoesBackAndErrorsLeaveItWhereItWas) {
  answers(kTopicUpdates, {R"({"latestUpdateTime":3,"fileHashes":[]})"});
  UpdatesReader reader(tie, {.since = 5});
  EXPECT_EQ(reader.next().value(), std::nullopt);
  EXPECT_EQ(reader.since(), 5);
  broker.refuse(topic(kTopicUpdates), 7, "too many");
  EXPECT_EQ(reader.next().error().peer_code, 7U);
  EXPECT_EQ(reader.since(), 5);
}

}  // namespace
}  // namespace tie
