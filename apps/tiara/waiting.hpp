// Waiting of the main thread for a signal, for another thread, or for a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "dxl/result.hpp"

namespace tiara::app {

class Waiting {
 public:
  // Blocks SIGINT, SIGTERM and SIGHUP in this thread and those it starts later. Call it before any
  // thread exists.
  static dxl::Result<std::unique_ptr<Waiting>> create();
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  enum class Wake : std::uint8_t { kStop, kReload, kCalled, kTimedOut };
  // SIGINT and SIGTERM: kStop. SIGHUP: kReload. `deadline` absent: no limit.
  Wake wait(std::optional<std::chrono::steady_clock::time_point> deadline);
  void call();  // any thread: ends a wait, or the next one, with kCalled

 private:
  Waiting(int signals, int calls) : signals_(signals), calls_(calls) {}
  int signals_ = -1;
  int calls_ = -1;
};

}  // namespace tiara::app
