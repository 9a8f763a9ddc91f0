// A user's callback that can be taken back: once revoke() has returned it neither runs nor will.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace tiara::sdk {

template <class Argument>
class Revocable {
 public:
  explicit Revocable(std::function<void(const Argument&)> callback)
      : callback_(std::move(callback)) {}

  // Any thread. `guard(f)` runs `f` and swallows what it throws.
  template <class Guard>
  void call(const Argument& argument, Guard&& guard) {
    {
      const std::lock_guard lock(mutex_);
      if (revoked_) return;
      ++running_;
    }
    guard([&] { callback_(argument); });
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) idle_.notify_all();
  }

  // `wait` must be false inside a callback: it would wait for itself.
  void revoke(bool wait) {
    std::unique_lock lock(mutex_);
    revoked_ = true;
    if (wait) idle_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  int running_ = 0;
  bool revoked_ = false;
  std::function<void(const Argument&)> callback_;
};

}  // namespace tiara::sdk
