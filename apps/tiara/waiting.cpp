#include "tiara/waiting.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

namespace tiara::app {

dxl::Result<std::unique_ptr<Waiting>> Waiting::create() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::unique_ptr<Waiting> waiting(
      new Waiting(::signalfd(-1, &set, SFD_CLOEXEC), ::eventfd(0, EFD_CLOEXEC)));
  if (waiting->signals_ < 0 || waiting->calls_ < 0)
    return dxl::fail(dxl::ErrorCode::kUnavailable, "cannot wait for signals: no descriptors");
  return waiting;
}

Waiting::~Waiting() {
  if (signals_ >= 0) ::close(signals_);
  if (calls_ >= 0) ::close(calls_);
}

Waiting::Wake Waiting::wait(std::optional<std::chrono::steady_clock::time_point> deadline) {
  using std::chrono::milliseconds;
  constexpr milliseconds kLongest{std::numeric_limits<int>::max()};
  while (true) {
    int limit = -1;
    if (deadline) {
      const auto left =
          std::chrono::ceil<milliseconds>(*deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return Wake::kTimedOut;
      limit = static_cast<int>(std::min(left, kLongest).count());
    }
    std::array<pollfd, 2> set{pollfd{signals_, POLLIN, 0}, pollfd{calls_, POLLIN, 0}};
    if (::poll(set.data(), set.size(), limit) <= 0) continue;
    if (set[0].revents != 0) {
      signalfd_siginfo info{};
      if (::read(signals_, &info, sizeof(info)) != sizeof(info)) continue;
      return info.ssi_signo == SIGHUP ? Wake::kReload : Wake::kStop;
    }
    std::uint64_t calls = 0;
    if (::read(calls_, &calls, sizeof(calls)) == sizeof(calls)) return Wake::kCalled;
  }
}

void Waiting::call() {
  constexpr std::uint64_t kOne = 1;
  [[maybe_unused]] const ssize_t written = ::write(calls_, &kOne, sizeof(kOne));
}

}  // namespace tiara::app
