#include "net/loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "net/test_peer.hpp"

namespace tiara::net {
namespace {

using std::chrono::milliseconds;

TEST(Loop, RunsPostedTasksInOrderAndStops) {
  Loop loop;
  std::string order;
  loop.post([&] {
    order += 'a';
    loop.post([&] {
      order += 'c';
      loop.stop();
    });
  });
  loop.post([&] { order += 'b'; });
  loop.run();
  EXPECT_EQ(order, "abc");
}

TEST(Loop, RunsWhatWasPostedBeforeStop) {
  Loop loop;
  bool ran = false;
  loop.post([&] { ran = true; });
  loop.stop();
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(Loop, WakesForPostsOfOtherThreads) {
  LoopThread thread;
  for (int i = 0; i < 1000; ++i) {
    bool on_thread = false;
    thread.call([&] { on_thread = thread.loop.on_loop_thread(); });
    ASSERT_TRUE(on_thread);
  }
  EXPECT_FALSE(thread.loop.on_loop_thread());
}

TEST(Loop, FiresTimersInOrderOfTheirTime) {
  Loop loop;
  std::string order;
  std::unique_ptr<Loop::Timer> late, early;
  late = loop.schedule(milliseconds(20), [&] {
    order += 'l';
    loop.stop();
  });
  early = loop.schedule(milliseconds(1), [&] { order += 'e'; });
  loop.run();
  EXPECT_EQ(order, "el");
}

TEST(Loop, DropsATimerWithItsHandle) {
  Loop loop;
  bool fired = false;
  auto cancelled = loop.schedule(milliseconds(1), [&] { fired = true; });
  cancelled.reset();
  // Due in the same turn as the one that cancels it.
  std::unique_ptr<Loop::Timer> first, second;
  first = loop.schedule(milliseconds(0), [&] { second.reset(); });
  second = loop.schedule(milliseconds(0), [&] { fired = true; });
  const auto end = loop.schedule(milliseconds(20), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(fired);
}

TEST(Loop, LetsATimerReplaceItselfForever) {
  Loop loop;
  int rounds = 0;
  std::unique_ptr<Loop::Timer> timer;
  std::function<void()> again = [&] {
    if (++rounds == 100) return loop.stop();
    timer = loop.schedule(milliseconds(0), again);
  };
  timer = loop.schedule(milliseconds(0), again);
  loop.run();
  EXPECT_EQ(rounds, 100);
}

TEST(Loop, DropsPostsToALoopThatIsGone) {
  std::shared_ptr<Loop::Mailbox> mailbox;
  bool ran = false;
  {
    Loop loop;
    mailbox = loop.mailbox();
    loop.post([&] { ran = true; });
  }
  mailbox->post([&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST(Loop, RunsATaskAtTheEndOfEveryTurn) {
  Loop loop;
  std::string order;
  loop.every_turn([&] { order += '.'; });
  loop.post([&] {
    order += 'a';
    loop.post([&] {
      order += 'c';
      loop.stop();
      loop.post([&] { order += 'd'; });
    });
  });
  loop.post([&] { order += 'b'; });
  loop.run();
  EXPECT_EQ(order, "ab.c.d.");
}

void spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(Loop, GivesPacedTasksAQuarterOfTheTimeInOrder) {
  Loop loop;
  constexpr int kTasks = 20;
  constexpr std::chrono::microseconds kEach{500};
  std::vector<int> order;
  int others = 0;
  std::function<void()> other = [&] {
    ++others;
    if (order.size() < kTasks) loop.post(other);
  };
  loop.post([&] {
    for (int i = 0; i < kTasks; ++i)
      loop.post_paced([&, i] {
        order.push_back(i);
        spin(kEach);
        if (i == kTasks - 1) loop.stop();
      });
  });
  loop.post(other);
  const auto began = std::chrono::steady_clock::now();
  loop.run();
  // Each task is longer than a slice: there is a pause behind each but the last.
  EXPECT_GE(std::chrono::steady_clock::now() - began,
            kTasks * kEach + (kTasks - 1) * std::chrono::microseconds(750));
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kTasks));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_GE(others, kTasks) << "nothing else ran in between";
}

TEST(Loop, DropsPacedTasksWithTheLoop) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = owned;
  {
    Loop loop;
    loop.post([&loop, &owned] {
      for (int i = 0; i < 3; ++i)
        loop.post_paced([kept = owned] { spin(std::chrono::microseconds(300)); });
      owned.reset();
      loop.stop();
    });
    loop.run();
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Loop, HandsBuffersRoundButKeepsNoLargeOnes) {
  Loop loop;
  std::string small, large;
  small.reserve(1000);
  large.reserve(1024 * 1024);
  loop.give_buffer(std::move(large));
  EXPECT_LT(loop.take_buffer().capacity(), 1000U);
  loop.give_buffer(std::move(small));
  EXPECT_GE(loop.take_buffer().capacity(), 1000U);
}

}  // namespace
}  // namespace tiara::net
