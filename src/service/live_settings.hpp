// The service's settings, which a reload replaces while all its threads use them.
#pragma once

#include <mutex>

#include "reputation/engine.hpp"

namespace tiara::service {

// Any thread. A decision takes one copy, so that it is made by one set of values.
class LiveSettings {
 public:
  explicit LiveSettings(const reputation::Settings& settings) : settings_(settings) {}
  reputation::Settings get() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  void set(const reputation::Settings& settings) {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
  }

 private:
  mutable std::mutex mutex_;
  reputation::Settings settings_;
};

}  // namespace tiara::service
