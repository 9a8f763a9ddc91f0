#include "tiara/serving.hpp"

#include <algorithm>
#include <chrono>

namespace tiara::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::hours kExpiryCheck{24};

}  // namespace

void serve(const Serving& serving, Waiting& waiting, const Notifier& notifier) {
  notifier.ready();
  auto next_expiry_check = Clock::now() + kExpiryCheck;
  while (true) {
    auto deadline = next_expiry_check;
    if (const auto every = notifier.alive_every())
      deadline = std::min(deadline, Clock::now() + *every);
    switch (waiting.wait(deadline)) {
      case Waiting::Wake::kStop:
        return;
      case Waiting::Wake::kReload:
        notifier.reloading();
        serving.reload();
        serving.warn_of_expiry();
        notifier.ready();
        break;
      case Waiting::Wake::kCalled:
        break;
      case Waiting::Wake::kTimedOut:
        serving.probe();
        notifier.alive();
        if (Clock::now() < next_expiry_check) break;
        next_expiry_check = Clock::now() + kExpiryCheck;
        serving.warn_of_expiry();
        break;
    }
  }
}

}  // namespace tiara::app
