#include "base/ports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace tiara::base {
namespace {

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::vector<std::uint64_t> values) : values_(std::move(values)) {}
  std::uint64_t next() override { return values_.at(at_++); }

 private:
  std::vector<std::uint64_t> values_;
  std::size_t at_ = 0;
};

TEST(Uuid, IsVersion4InLowerCase) {
  FixedRandom ones({~std::uint64_t{0}, ~std::uint64_t{0}});
  EXPECT_EQ(make_uuid(ones), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  FixedRandom zeros({0, 0});
  EXPECT_EQ(make_uuid(zeros), "00000000-0000-4000-8000-000000000000");
  FixedRandom digits({0x0123456789abcdef, 0x0123456789abcdef});
  EXPECT_EQ(make_braced_uuid(digits), "{01234567-89ab-4def-8123-456789abcdef}");
}

TEST(SystemRandom, GivesDifferentValuesAndDifferentSequences) {
  SystemRandom first, second;
  std::set<std::uint64_t> values;
  for (int i = 0; i < 1000; ++i) {
    values.insert(first.next());
    values.insert(second.next());
  }
  EXPECT_EQ(values.size(), 2000U);
}

TEST(SystemClock, NeverGoesBackAndIsAfter2024) {
  const SystemClock clock;
  const SteadyTime before = clock.now();
  EXPECT_LE(before, clock.now());
  EXPECT_GT(clock.epoch_seconds(), 1'704'067'200);
}

}  // namespace
}  // namespace tiara::base
