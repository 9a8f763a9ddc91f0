#include "sdk/callback_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <vector>

namespace tiara::sdk {
namespace {

TEST(CallbackPool, OneThreadRunsTasksInOrder) {
  std::vector<int> order;
  {
    CallbackPool pool(1, 100);
    for (int i = 0; i < 100; ++i) {
      pool.expect();
      pool.post([&order, i] { order.push_back(i); });
    }
  }
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(CallbackPool, AFullQueueRefusesTasksButNotCompletions) {
  std::promise<void> started, release;
  std::atomic<int> completions{0};
  CallbackPool pool(1, 2);
  ASSERT_TRUE(pool.try_post([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.try_post([] {}));
  EXPECT_TRUE(pool.try_post([] {}));
  EXPECT_FALSE(pool.try_post([] {}));
  pool.expect();
  pool.post([&] { ++completions; });
  release.set_value();
  pool.stop();
  EXPECT_EQ(completions, 1);
  EXPECT_FALSE(pool.try_post([] {}));
}

TEST(CallbackPool, StopWaitsForCompletionsThatAreOnTheirWay) {
  std::atomic<bool> ran{false};
  CallbackPool pool(2, 10);
  pool.expect();
  std::thread late([&] { pool.post([&] { ran = true; }); });
  pool.stop();
  EXPECT_TRUE(ran);
  late.join();
}

TEST(CallbackPool, CountsWhatCallbacksThrowAndGoesOn) {
  CallbackPool pool(1, 10);
  pool.expect();
  pool.post([] { throw std::runtime_error("on purpose"); });
  pool.expect();
  pool.post([] { throw 42; });
  std::promise<void> after;
  pool.expect();
  pool.post([&] { after.set_value(); });
  after.get_future().wait();
  EXPECT_EQ(pool.exceptions(), 2U);
}

TEST(CallbackPool, KnowsItsThreads) {
  CallbackPool pool(1, 10), other(1, 10);
  std::promise<std::vector<bool>> inside;
  pool.expect();
  pool.post([&] {
    inside.set_value(
        {pool.on_pool_thread(), other.on_pool_thread(), CallbackPool::on_any_pool_thread()});
  });
  EXPECT_THAT(inside.get_future().get(), testing::ElementsAre(true, false, true));
  EXPECT_FALSE(pool.on_pool_thread());
  EXPECT_FALSE(CallbackPool::on_any_pool_thread());
}

}  // namespace
}  // namespace tiara::sdk
