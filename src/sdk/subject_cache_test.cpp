#include "sdk/subject_cache.hpp"

#include <gtest/gtest.h>

namespace tiara::sdk {
namespace {

// Digests that begin with `number`.
tie::FileHashes named(std::uint8_t number, bool md5 = true, bool sha256 = true) {
  tie::FileHashes hashes;
  if (md5) hashes.md5.emplace().bytes[0] = number;
  if (sha256) hashes.sha256.emplace().bytes[0] = number;
  return hashes;
}

Answer answer_at(std::int64_t server_time) {
  return std::make_shared<const tie::Reputations>(
      tie::Reputations{.entries = {}, .server_time = server_time});
}

constexpr BootTime kThen{5}, kAny = BootTime::min();

class SubjectCacheTest : public testing::Test {
 protected:
  void put(const tie::FileHashes& hashes, std::int64_t server_time = 100) {
    cache.land(cache.depart(hashes, kThen), answer_at(server_time));
  }
  bool has(const tie::FileHashes& hashes) { return cache.find(hashes, kAny) != nullptr; }

  SubjectCache cache{4};
};

TEST_F(SubjectCacheTest, FindsByEachDigestThatWasAskedBy) {
  put(named(1));
  EXPECT_TRUE(has(named(1)));
  EXPECT_TRUE(has(named(1, true, false)));
  EXPECT_TRUE(has(named(1, false, true)));
  EXPECT_FALSE(has(named(2)));
  EXPECT_FALSE(has({}));
}

TEST_F(SubjectCacheTest, DoesNotGuessThatMoreDigestsNameTheSame) {
  put(named(1, false, true));
  EXPECT_FALSE(has(named(1)));
  tie::FileHashes mixed = named(1);
  put(mixed);
  mixed.md5->bytes[0] = 9;
  EXPECT_FALSE(has(mixed));
}

TEST_F(SubjectCacheTest, AnAnswerAskedForTooLongAgoIsNone) {
  put(named(1));
  EXPECT_TRUE(cache.find(named(1), kThen));
  EXPECT_FALSE(cache.find(named(1), kThen + BootTime(1)));
}

TEST_F(SubjectCacheTest, AChangeDropsBySomeDigestWhatIsKnownByOthers) {
  put(named(1));
  cache.change(named(1, true, false));
  EXPECT_FALSE(has(named(1, false, true)));
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.counts().dropped, 1u);
}

TEST_F(SubjectCacheTest, AListedChangeLeavesLaterAnswers) {
  put(named(1), 100);
  put(named(2), 101);
  cache.change(named(1), 100);
  cache.change(named(2), 100);
  EXPECT_FALSE(has(named(1)));
  EXPECT_TRUE(has(named(2)));
}

TEST_F(SubjectCacheTest, WhatAChangeOvertakesIsNotKept) {
  const auto by_event = cache.depart(named(1), kThen), by_list = cache.depart(named(2), kThen),
             later = cache.depart(named(3), kThen), by_clear = cache.depart(named(4), kThen);
  cache.change(named(1, true, false));
  cache.change(named(2), 100);
  cache.change(named(3), 99);
  EXPECT_FALSE(cache.land(by_event, answer_at(200)));
  EXPECT_FALSE(cache.land(by_list, answer_at(100)));
  EXPECT_TRUE(cache.land(later, answer_at(100)));
  cache.clear();
  EXPECT_FALSE(cache.land(by_clear, answer_at(100)));
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.counts().not_kept, 3u);
}

TEST_F(SubjectCacheTest, AFailedRequestLeavesNothing) {
  EXPECT_FALSE(cache.land(cache.depart(named(1), kThen), nullptr));
  EXPECT_FALSE(has(named(1)));
  EXPECT_EQ(cache.counts().not_kept, 0u);
}

TEST_F(SubjectCacheTest, KeepsThoseAskedForLately) {
  for (std::uint8_t i = 1; i <= 4; ++i) put(named(i));
  EXPECT_TRUE(has(named(1)));
  put(named(5));
  EXPECT_TRUE(has(named(1)));
  EXPECT_FALSE(has(named(2)));
  EXPECT_EQ(cache.size(), 4u);
}

TEST_F(SubjectCacheTest, ANewAnswerReplacesAllWithOneOfItsDigests) {
  put(named(1, false, true));
  put(named(1));
  put(named(1, true, false));
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_FALSE(has(named(1, false, true)));
}

TEST_F(SubjectCacheTest, DropsWhatNobodyAskedForSinceTheLastSweep) {
  put(named(1));
  put(named(2));
  EXPECT_TRUE(has(named(1)));
  cache.drop_unused();
  EXPECT_TRUE(has(named(1)));
  EXPECT_FALSE(has(named(2)));
}

}  // namespace
}  // namespace tiara::sdk
