#include "net/output_chunks.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/loop.hpp"

namespace tiara::net {
namespace {

// What front() and consume() hand out, `step` bytes at a time.
std::string drain(OutputChunks& output, std::size_t step) {
  std::string all;
  while (output.unsent() > 0) {
    const std::string_view front = output.front();
    const std::size_t count = std::min(front.size(), step);
    all += front.substr(0, count);
    output.consume(count);
  }
  return all;
}

TEST(OutputChunks, GivesBackWhatWasAppendedWhateverTheSizes) {
  for (const std::size_t packet : {1U, 1'000U, 100'000U, 300'000U})
    for (const std::size_t step : {7'001U, 262'144U, 10'000'000U}) {
      Loop loop;
      OutputChunks output;
      std::string expected;
      for (std::size_t i = 0; expected.size() < 2 * 1024 * 1024 && i < 5'000; ++i) {
        const std::string bytes(packet, static_cast<char>('a' + i % 26));
        output.end(loop) += bytes;
        expected += bytes;
      }
      EXPECT_EQ(output.unsent(), expected.size());
      EXPECT_TRUE(drain(output, step) == expected) << packet << " by " << step;
      EXPECT_EQ(output.front(), "");
    }
}

TEST(OutputChunks, ABacklogCostsWhatItHolds) {
  Loop loop;
  OutputChunks output;
  const std::string packet(3'000, 'x');
  for (int i = 0; i < 10'000; ++i) {
    output.end(loop) += packet;
    ASSERT_LE(output.held_bytes(), output.unsent() + 320 * 1024);
  }
  // Half of the first chunk is gone: no more than that is held in vain.
  output.consume(128 * 1024);
  output.trim(loop);
  EXPECT_LE(output.held_bytes(), output.unsent() + 512 * 1024);
}

TEST(OutputChunks, AreNextToNothingOnceAllIsSent) {
  Loop loop;
  OutputChunks output;
  for (int i = 0; i < 1'000; ++i) output.end(loop) += std::string(1'000, 'x');
  drain(output, 100'000);
  output.trim(loop);
  EXPECT_LE(output.held_bytes(), 513U);
  output.end(loop) += std::string(1'000'000, 'x');
  output.clear();
  EXPECT_EQ(output.held_bytes(), 0U);
  EXPECT_EQ(output.unsent(), 0U);
}

TEST(OutputChunks, AFewUnsentBytesDoNotHoldALargeBuffer) {
  Loop loop;
  OutputChunks output;
  output.end(loop).append(200'000, 'x').append("rest");
  output.consume(200'000);
  output.trim(loop);
  EXPECT_EQ(output.front(), "rest");
  EXPECT_LE(output.held_bytes(), 8 * 1024U);
  output.end(loop) += " and more";
  EXPECT_EQ(drain(output, 3), "rest and more");
}

}  // namespace
}  // namespace tiara::net
