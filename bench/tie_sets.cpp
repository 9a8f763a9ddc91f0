#include "tie_sets.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "service/service_core.hpp"

namespace tiara::bench {
namespace {

using Clock = std::chrono::steady_clock;

class Tally {
 public:
  void add(const std::vector<service::Completed>& results) {
    {
      const std::lock_guard lock(mutex_);
      done_ += results.size();
      for (const service::Completed& one : results) failed_ += one.failed ? 1 : 0;
    }
    changed_.notify_one();
  }
  void wait_for(std::uint64_t done) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= done; });
  }
  std::uint64_t failed() {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t done_ = 0, failed_ = 0;
};

service::Command set_of(const Filling& filling, std::uint64_t number) {
  service::SetCommand command;
  command.set.hashes = hashes_of(filling, mix(number) % filling.records);
  command.set.trust_level =
      number % 2 == 0 ? tie::TrustLevel::kMightBeTrusted : tie::TrustLevel::kMightBeMalicious;
  return command;
}

}  // namespace

Sets time_sets(std::unique_ptr<store::ReputationStore> store, const Filling& filling,
               std::uint64_t sets, std::uint64_t outstanding) {
  base::SystemClock clock;
  Tally tally;
  service::ServiceCore core(service::CoreOptions{}, std::move(store), clock);
  const service::Origin origin = core.add_front_end(
      {.written = [&](std::vector<service::Completed> results) { tally.add(results); },
       .read = [](std::vector<service::ReadDone>) {}});
  core.start();
  const auto begin = Clock::now();
  for (std::uint64_t number = 0; number < sets; ++number) {
    if (number >= outstanding) tally.wait_for(number - outstanding + 1);
    core.write(origin, set_of(filling, number));
  }
  tally.wait_for(sets);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  core.stop_readers();
  core.stop_writer();
  return {.done = sets, .failed = tally.failed(), .seconds = seconds};
}

}  // namespace tiara::bench
