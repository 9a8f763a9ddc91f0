// Who is told of changes of the connection. Thread-safe; callbacks run on the pool, without a lock.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "dxl/client.hpp"
#include "sdk/callback_pool.hpp"
#include "sdk/revocable.hpp"

namespace tiara::sdk {

using ConnectionEntry = Revocable<dxl::ConnectionEvent>;

// Changes that wait for slow callbacks; beyond it the oldest is left out: the newest tells where
// one is.
inline constexpr std::size_t kMaxWaitingChanges = 64;

class ConnectionCallbacks {
 public:
  explicit ConnectionCallbacks(CallbackPool& pool) : pool_(pool) {}

  void add(std::shared_ptr<ConnectionEntry> entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  void remove(const std::shared_ptr<ConnectionEntry>& entry) {
    const std::lock_guard lock(mutex_);
    std::erase(entries_, entry);
  }

  void tell(dxl::ConnectionEvent event) {
    {
      const std::lock_guard lock(mutex_);
      if (entries_.empty()) return;
      waiting_.push_back({std::move(event), entries_});
      if (waiting_.size() > kMaxWaitingChanges) {
        waiting_.pop_front();  // its task takes the next one
        return;
      }
    }
    pool_.expect();
    pool_.post([this] { call_next(); });
  }

 private:
  struct Change {
    dxl::ConnectionEvent event;
    std::vector<std::shared_ptr<ConnectionEntry>> entries;  // of that time
  };

  void call_next() {
    Change change;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      change = std::move(waiting_.front());
      waiting_.pop_front();
    }
    for (const auto& entry : change.entries) {
      entry->call(change.event, [this](auto&& callback) { pool_.guard(callback); });
    }
  }

  CallbackPool& pool_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<ConnectionEntry>> entries_;
  std::deque<Change> waiting_;
};

}  // namespace tiara::sdk
