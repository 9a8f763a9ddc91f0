#include "session/backoff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tiara::session {
namespace {

using std::chrono::milliseconds;

class FixedRandom final : public base::Random {
 public:
  explicit FixedRandom(std::uint64_t value) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

std::vector<milliseconds> delays(Backoff& backoff, std::uint64_t random_value, int count) {
  FixedRandom random(random_value);
  std::vector<milliseconds> result;
  for (int i = 0; i < count; ++i) result.push_back(backoff.next(random));
  return result;
}

constexpr BackoffOptions kOptions{
    .first = milliseconds(1'000), .max = milliseconds(5'000), .reset_after = milliseconds(10'000)};

TEST(Backoff, DoublesUpToTheMaximum) {
  Backoff backoff(kOptions);
  EXPECT_THAT(delays(backoff, 0, 5),
              testing::ElementsAre(milliseconds(1'000), milliseconds(2'000), milliseconds(4'000),
                                   milliseconds(5'000), milliseconds(5'000)));
}

TEST(Backoff, AddsAtMostAQuarterAndNeverExceedsTheMaximum) {
  Backoff backoff(kOptions);
  FixedRandom largest(250);  // 250 % 251
  EXPECT_EQ(backoff.next(largest), milliseconds(1'250));
  FixedRandom other(500);  // 500 % 501
  EXPECT_EQ(backoff.next(other), milliseconds(2'500));
  FixedRandom third(1'000);
  EXPECT_EQ(backoff.next(third), milliseconds(5'000));
  FixedRandom fourth(1'250);
  EXPECT_EQ(backoff.next(fourth), milliseconds(5'000));
}

TEST(Backoff, JitterDoesNotCompound) {
  Backoff backoff(kOptions);
  FixedRandom largest(250);
  EXPECT_EQ(backoff.next(largest), milliseconds(1'250));
  EXPECT_THAT(delays(backoff, 0, 2),
              testing::ElementsAre(milliseconds(2'000), milliseconds(4'000)));
}

TEST(Backoff, StartsOverOnlyAfterAConnectionThatLasted) {
  Backoff backoff(kOptions);
  delays(backoff, 0, 2);
  backoff.connection_lasted(milliseconds(9'999));
  EXPECT_THAT(delays(backoff, 0, 1), testing::ElementsAre(milliseconds(4'000)));
  backoff.connection_lasted(milliseconds(10'000));
  EXPECT_THAT(delays(backoff, 0, 1), testing::ElementsAre(milliseconds(1'000)));
}

}  // namespace
}  // namespace tiara::session
