#include "sdk/broker_probe.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "net/endpoints.hpp"

namespace tiara::sdk {
namespace {

using Clock = std::chrono::steady_clock;

// How long the others are waited for behind the first answer: as long again, within these.
constexpr std::chrono::milliseconds kLeastGrace{20};
constexpr std::chrono::milliseconds kMostGrace{250};

// Owned by the tasks of its timer and its connects.
class Probe : public std::enable_shared_from_this<Probe> {
 public:
  Probe(net::Loop& loop, std::size_t addresses, std::function<void(std::vector<std::size_t>)> done)
      : loop_(loop), began_(Clock::now()), times_(addresses), done_(std::move(done)) {}

  void start(const std::vector<Address>& addresses, std::chrono::milliseconds deadline) {
    missing_ = std::min(addresses.size(), kMaxProbes);
    finish_after(deadline);
    for (std::size_t i = 0; i < missing_; ++i) {
      net::connect_tcp(loop_, addresses[i].host, addresses[i].port, nullptr, deadline,
                       [self = shared_from_this(), i](auto stream) {
                         if (stream) (*stream)->close();
                         self->on_answer(i, stream.has_value());
                       });
    }
  }

 private:
  void finish_after(Clock::duration delay) {
    timer_ = loop_.schedule(delay, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->finish();
    });
  }

  void on_answer(std::size_t index, bool connected) {
    if (!done_) return;
    if (connected) {
      times_[index] = Clock::now() - began_;
      if (!std::exchange(answered_, true)) {
        finish_after(std::clamp<Clock::duration>(*times_[index], kLeastGrace, kMostGrace));
      }
    }
    if (--missing_ == 0) finish();
  }

  void finish() {
    timer_.reset();
    if (done_) std::exchange(done_, nullptr)(order_by_time(times_));
  }

  net::Loop& loop_;
  Clock::time_point began_;
  std::vector<std::optional<Clock::duration>> times_;
  std::function<void(std::vector<std::size_t>)> done_;
  std::unique_ptr<net::Loop::Timer> timer_;
  std::size_t missing_ = 0;
  bool answered_ = false;
};

}  // namespace

std::vector<std::size_t> order_by_time(const std::vector<std::optional<Clock::duration>>& times) {
  std::vector<std::size_t> order(times.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto rank = [&times](std::size_t index) {
    return times[index] ? *times[index] / kProbeResolution : Clock::duration::max().count();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&rank](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  return order;
}

void probe_addresses(net::Loop& loop, const std::vector<Address>& addresses,
                     std::chrono::milliseconds deadline,
                     std::function<void(std::vector<std::size_t>)> done) {
  std::make_shared<Probe>(loop, addresses.size(), std::move(done))->start(addresses, deadline);
}

}  // namespace tiara::sdk
