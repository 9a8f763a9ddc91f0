#include "sdk/callback_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace tiara::sdk {
namespace {

thread_local const CallbackPool* current_pool = nullptr;

}  // namespace

CallbackPool::CallbackPool(std::size_t threads, std::size_t queue_limit)
    : queue_limit_(queue_limit) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

CallbackPool::~CallbackPool() { stop(); }

bool CallbackPool::try_post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || bounded_ >= queue_limit_) return false;
    ++bounded_;
    queue_.push_back({std::move(task), false});
  }
  wake_.notify_one();
  return true;
}

void CallbackPool::expect() {
  const std::lock_guard lock(mutex_);
  ++expected_;
}

void CallbackPool::post(std::function<void()> completion) {
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(completion), true});
    last = --expected_ == 0 && stopping_;
  }
  last ? wake_.notify_all() : wake_.notify_one();
}

void CallbackPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void CallbackPool::work() {
  current_pool = this;
  pthread_setname_np(pthread_self(), "dxl-callbacks");
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !queue_.empty() || (stopping_ && expected_ == 0); });
    if (queue_.empty()) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    if (!task.completion) --bounded_;
    if (stopping_ && !task.completion) continue;
    lock.unlock();
    guard(task.run);
    task.run = nullptr;  // what it owns goes before the lock is held
    lock.lock();
  }
}

std::size_t CallbackPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return bounded_;
}

bool CallbackPool::on_pool_thread() const { return current_pool == this; }
bool CallbackPool::on_any_pool_thread() { return current_pool != nullptr; }

void CallbackPool::on_exception(const char* what) {
  ++exceptions_;
  base::log(base::LogLevel::kError, "client", "a callback threw: {}", what);
}

}  // namespace tiara::sdk
