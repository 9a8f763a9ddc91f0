// The service's settings, which a reload replaces while all its threads use them.
#pragma once

#include <memory>
#include <mutex>

#include "reputation/settings.hpp"

namespace tiara::service {

// Any thread. A decision takes one snapshot, so that it is made by one set of values.
class LiveSettings {
 public:
  using Snapshot = std::shared_ptr<const reputation::Settings>;

  explicit LiveSettings(const reputation::Settings& settings)
      : settings_(std::make_shared<const reputation::Settings>(settings)) {}
  Snapshot get() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  void set(const reputation::Settings& settings) {
    auto fresh = std::make_shared<const reputation::Settings>(settings);
    const std::lock_guard lock(mutex_);
    settings_.swap(fresh);
  }

 private:
  mutable std::mutex mutex_;
  Snapshot settings_;
};

}  // namespace tiara::service
