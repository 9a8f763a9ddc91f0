// The small parts of the service, each on its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"
#include "service/answer_template.hpp"
#include "service/recent_lookups.hpp"
#include "service/record_cache.hpp"
#include "service/report_log.hpp"
#include "service/work_queue.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::entry;
using reputation::FileRecord;
using reputation::hashes;
using reputation::record;
using reputation::strongest_key;
using testing::ElementsAre;
using testing::IsEmpty;
using tie::Provider;
using tie::TrustLevel;

constexpr AnswerBasis kBasis{.server_version = 7};

CachedRecordPtr cached(const FileRecord& from) {
  return std::make_shared<const CachedRecord>(FileRecord(from));
}

TEST(AnswerTemplate, WritesWhatTheEncoderWrites) {
  const FileRecord known =
      record(hashes(1, 2, 3), {entry(Provider::kEnterprise, TrustLevel::kKnownTrusted, 10, "c"),
                               entry(Provider::kExternal, TrustLevel::kUnknown, 20, "")});
  for (const FileRecord* subject : {static_cast<const FileRecord*>(nullptr), &known}) {
    for (const bool submit : {false, true}) {
      const AnswerValues values{.now = 1234, .enterprise_size = 56, .counts = submit};
      std::string expected, written;
      tie::append_reputations(make_answer(subject, kBasis, values), expected);
      AnswerTemplate(subject, kBasis).append(values, written);
      EXPECT_EQ(written, expected);
    }
  }
}

TEST(RecordCache, DistinguishesAbsentFromNotCached) {
  RecordCache cache(100);
  const DigestKey digest = strongest_key(hashes(1, 0, 0));
  EXPECT_EQ(cache.find(digest), std::nullopt);
  cache.insert_read(digest, nullptr, cache.epoch());
  EXPECT_EQ(cache.find(digest), std::optional<CachedRecordPtr>(nullptr));
}

TEST(RecordCache, DropsAReadThatAWriteOvertook) {
  RecordCache cache(100);
  const FileRecord before = record(hashes(1, 0, 0), {});
  const FileRecord after =
      record(hashes(1, 0, 0), {entry(Provider::kExternal, TrustLevel::kUnknown, 1, "")});
  const std::uint64_t epoch = cache.epoch();
  cache.update({cached(after)});
  cache.insert_read(strongest_key(before.hashes), cached(before), epoch);
  EXPECT_EQ((*cache.find(strongest_key(before.hashes)))->record, after);
}

TEST(RecordCache, StaysWithinItsBound) {
  RecordCache cache(64);
  std::size_t kept = 0;
  for (std::uint8_t i = 1; i < 255; ++i)
    cache.insert_read(strongest_key(hashes(i, 0, 0)), nullptr, cache.epoch());
  for (std::uint8_t i = 1; i < 255; ++i)
    kept += cache.find(strongest_key(hashes(i, 0, 0))).has_value();
  EXPECT_LE(kept, 64U);
  EXPECT_GT(kept, 0U);
}

TEST(ReportLog, ForgetsTheOldestFirst) {
  ReportLog log(2);
  for (const char* id : {"1", "2", "3"}) log.add("alice", id, {.outcome = "accepted"});
  EXPECT_EQ(log.find("alice", "1").outcome, "unknown");
  EXPECT_EQ(log.find("alice", "2").outcome, "accepted");
  EXPECT_EQ(log.find("alice", "3").outcome, "accepted");
}

TEST(ReportLog, KeepsTheReportsOfDifferentSendersApart) {
  ReportLog log;
  log.add("alice", "1", {.outcome = "accepted"});
  log.add("mallory", "1", {.outcome = "refused"});
  EXPECT_EQ(log.find("alice", "1").outcome, "accepted");
  log.add("", "2", {.outcome = "accepted"});
  EXPECT_EQ(log.find("", "2").outcome, "unknown");
}

TEST(RecentLookups, RemembersPairsUntilItsBound) {
  constexpr std::int64_t kNow = 1'700'000'000;
  RecentLookups recent(4);
  EXPECT_FALSE(recent.seen(hashes(1, 0, 0), "a", kNow));
  EXPECT_TRUE(recent.seen(hashes(1, 0, 0), "a", kNow));
  EXPECT_FALSE(recent.seen(hashes(1, 0, 0), "b", kNow));
  EXPECT_FALSE(recent.seen(hashes(1, 2, 0), "a", kNow));
  for (std::uint8_t i = 10; i < 20; ++i) recent.seen(hashes(i, 0, 0), "a", kNow);
  EXPECT_FALSE(recent.seen(hashes(1, 0, 0), "b", kNow));
}

TEST(RecentLookups, ForgetsAtTheEndOfTheDay) {
  RecentLookups recent;
  EXPECT_FALSE(recent.seen(hashes(1, 0, 0), "a", 2 * reputation::kSecondsPerDay - 1));
  EXPECT_FALSE(recent.seen(hashes(1, 0, 0), "a", 2 * reputation::kSecondsPerDay));
  EXPECT_TRUE(recent.seen(hashes(1, 0, 0), "a", 3 * reputation::kSecondsPerDay - 1));
}

TEST(WorkQueue, RefusesWhenFullAndDrainsAfterClosing) {
  WorkQueue<int> queue(3);
  EXPECT_TRUE(queue.push(1) && queue.push(2) && queue.push(3));
  EXPECT_FALSE(queue.push(4));
  EXPECT_THAT(queue.take(2), ElementsAre(1, 2));
  queue.close();
  EXPECT_FALSE(queue.push(5));
  EXPECT_THAT(queue.take(2), ElementsAre(3));
  EXPECT_THAT(queue.take(2), IsEmpty());
}

}  // namespace
}  // namespace tiara::service
