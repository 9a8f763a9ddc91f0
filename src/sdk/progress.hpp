// What an attempt to connect waits for. Somebody who waits no longer is told.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace tiara::sdk {

// Thread-safe: the network thread sets it, others read.
class Progress {
 public:
  enum class Step { kNone, kTcp, kTls, kSession };

  // `peer`: "host:port".
  void set(Step step, std::string peer = {}) {
    const std::lock_guard lock(mutex_);
    step_ = step;
    peer_ = std::move(peer);
  }
  // "no TLS answer"; empty when nothing is under way.
  std::string_view missing() const {
    const std::lock_guard lock(mutex_);
    return words(step_);
  }
  // "no TLS answer from host:port"
  std::string text() const {
    const std::lock_guard lock(mutex_);
    std::string text(words(step_));
    if (!text.empty() && !peer_.empty()) text += " from " + peer_;
    return text;
  }

 private:
  static std::string_view words(Step step) {
    switch (step) {
      case Step::kTcp:
        return "no TCP answer";
      case Step::kTls:
        return "no TLS answer";
      case Step::kSession:
        return "no full answer to CONNECT (CONNACK, SUBACK of the reply topic)";
      case Step::kNone:
        break;
    }
    return {};
  }

  mutable std::mutex mutex_;
  Step step_ = Step::kNone;
  std::string peer_;
};

}  // namespace tiara::sdk
