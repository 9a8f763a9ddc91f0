// What user threads hand to the network thread: many hand-overs, one wake-up, one write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <variant>
#include <vector>

#include "base/ports.hpp"
#include "dxl/client.hpp"
#include "dxl/message.hpp"

namespace tiara::sdk {

// One request's way back to it for whoever calls it off.
struct RequestState {
  std::uint64_t token = 0;  // the link's; network thread only
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
};

struct OutgoingRequest {
  dxl::Message request;
  base::SteadyTime deadline;
  dxl::ReplyCallback done;  // on the network thread
  std::shared_ptr<RequestState> state = std::make_shared<RequestState>();
};
using Outgoing = std::variant<dxl::Message, OutgoingRequest, std::function<void()>>;

class Outbox {
 public:
  // True: nothing is on its way to drain() yet, so the caller must see to it. Any thread.
  [[nodiscard]] bool push(Outgoing item, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
    bytes_ += bytes;
    return !std::exchange(scheduled_, true);
  }

  // Payload bytes that wait. Any thread.
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

  // Calls `f(Outgoing&)` for everything that is there, in order. Network thread only.
  template <class F>
  void drain(F&& f) {
    {
      const std::lock_guard lock(mutex_);
      queue_.swap(draining_);
      bytes_ = 0;
      scheduled_ = false;
    }
    for (Outgoing& item : draining_) f(item);
    draining_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Outgoing> queue_;
  std::vector<Outgoing> draining_;
  std::size_t bytes_ = 0;
  bool scheduled_ = false;
};

}  // namespace tiara::sdk
