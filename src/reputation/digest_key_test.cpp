#include "reputation/digest_key.hpp"

#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

TEST(DigestKey, ShowsTypeAndDigestWithoutPadding) {
  EXPECT_EQ(DigestKey(digest<tie::Md5>(7)).view(), "\x01" + std::string(16, '\x07'));
  EXPECT_EQ(DigestKey(digest<tie::Sha1>(7)).view(), "\x02" + std::string(20, '\x07'));
  EXPECT_EQ(DigestKey(digest<tie::Sha256>(7)).view(), "\x03" + std::string(32, '\x07'));
}

TEST(DigestKey, DiffersByTypeEvenIfTheBytesBeginAlike) {
  EXPECT_NE(DigestKey(digest<tie::Md5>(0)), DigestKey(digest<tie::Sha1>(0)));
}

TEST(DigestKeys, ListsTheStrongestFirst) {
  const tie::FileHashes all = hashes(1, 2, 3);
  const DigestKeys keys(all);
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0], DigestKey(digest<tie::Sha256>(3)));
  EXPECT_EQ(keys[1], DigestKey(digest<tie::Sha1>(2)));
  EXPECT_EQ(keys[2], DigestKey(digest<tie::Md5>(1)));
  EXPECT_EQ(strongest_key(hashes(1, 2, 0)), DigestKey(digest<tie::Sha1>(2)));
  EXPECT_TRUE(DigestKeys(tie::FileHashes{}).empty());
}

TEST(DigestKeys, KnowWhetherADigestIsAmongTheHashes) {
  EXPECT_TRUE(has_digest(hashes(1, 0, 3), DigestKey(digest<tie::Md5>(1))));
  EXPECT_FALSE(has_digest(hashes(1, 0, 3), DigestKey(digest<tie::Sha1>(1))));
}

}  // namespace
}  // namespace tiara::reputation
