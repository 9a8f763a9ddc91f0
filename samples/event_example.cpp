// Publishes a thousand events and receives them with a callback.
//
//   event_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>

#include "start.hpp"

namespace {

constexpr int kTotalEvents = 1'000;
constexpr char kTopic[] = "/isecg/sample/basicevent";

class Counter {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  bool wait_for(int wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= wanted; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Counter received;  // the callback uses it, so it outlives client and subscription
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [listen]
  const auto subscription =
      (*client)->add_event_callback(kTopic, [&received](const dxl::Event& event) {
        std::cout << "Received event: " << event.payload << '\n';
        received.add();
      });
  if (!subscription) return sample::complain(subscription.error());
  //! [listen]

  const auto start = std::chrono::steady_clock::now();
  //! [publish]
  for (int number = 0; number < kTotalEvents; ++number) {
    const auto sent = (*client)->publish({.topic = kTopic, .payload = std::to_string(number)});
    if (!sent) return sample::complain(sent.error());
  }
  //! [publish]
  std::cout << "Waiting for events to be received...\n";
  if (!received.wait_for(kTotalEvents)) {
    return sample::complain({dxl::ErrorCode::kTimedOut, "not all events came within 60 seconds"});
  }
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  std::cout << "Elapsed time (ms): " << elapsed.count() << '\n';
}
