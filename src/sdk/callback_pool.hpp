// Threads on which users' callbacks run, behind one bounded queue. Whatever a callback throws ends
// here: logged and counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tiara::sdk {

class CallbackPool {
 public:
  // With one thread, tasks run in the order they were posted.
  CallbackPool(std::size_t threads, std::size_t queue_limit);
  ~CallbackPool();  // stop()

  // False, and nothing is kept: `queue_limit` tasks wait already, or stop() was called. Any thread.
  bool try_post(std::function<void()> task);
  // A completion: announced by expect(), handed in by one post() each, never refused and never
  // discarded. Their callers bound their number. Any thread.
  void expect();
  void post(std::function<void()> completion);

  // Discards what try_post() queued, runs every completion that is expected, joins. Not from a pool
  // thread.
  void stop();

  std::size_t waiting() const;  // tasks of try_post() that are queued
  bool on_pool_thread() const;
  // Of any client.
  static bool on_any_pool_thread();
  std::uint64_t exceptions() const { return exceptions_; }

  // Runs a user's code; returns normally whatever it throws.
  template <class F>
  void guard(F&& callback) {
    try {
      callback();
    } catch (const std::exception& error) {
      on_exception(error.what());
    } catch (...) {
      on_exception("something that is not a std::exception");
    }
  }

 private:
  struct Task {
    std::function<void()> run;
    bool completion;
  };
  void work();
  void on_exception(const char* what);

  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  std::size_t bounded_ = 0;   // queued tasks that are no completions
  std::size_t expected_ = 0;  // completions that have not been posted
  bool stopping_ = false;
  std::atomic<std::uint64_t> exceptions_{0};
  std::vector<std::thread> threads_;
};

}  // namespace tiara::sdk
