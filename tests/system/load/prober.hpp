// Requests through the broker to a service and back, at a fixed rate, on a thread of its own.
//
// Open loop: each request has a time at which it is due, whether or not earlier ones were answered,
// and its latency counts from then. A broker that stops for a second is thus charged with all the
// requests of that second (no coordinated omission), and so is a prober that wakes up late; its own
// delay is reported beside, to tell the two apart.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "link.hpp"

namespace load {

class Prober {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::size_t requesters = 8;
    double rate = 500;  // requests per second, of all requesters together
    std::size_t payload_bytes = 200;
  };
  struct Request {
    std::size_t phase = 0;
    double late = 0;      // seconds from due to sent
    double latency = -1;  // seconds from due to answered; negative: not answered
    bool error = false;   // answered with an error response
  };
  struct Result {
    std::vector<Request> requests;
    std::string failure;  // why a connection of the prober ended, if one did
  };

  // Connects, registers the service; empty and a message on stderr if that fails.
  static std::unique_ptr<Prober> create(const Target& target, ssl_ctx_st* tls,
                                        const Options& options);
  ~Prober();

  void start();  // with the priority of the calling thread
  // Requests that become due from now on belong to this phase.
  void enter(std::size_t phase) { phase_ = phase; }
  // Sends no more, waits this long for what is outstanding, ends the thread.
  Result stop(Clock::duration patience);

 private:
  explicit Prober(const Options& options) : options_(options) {}

  bool open_link(const Target& target, ssl_ctx_st* tls, std::size_t number);
  void run();
  void send_due(Clock::time_point now);
  void read(std::size_t number);
  void note(const Message& answer);

  const Options options_;
  std::vector<std::unique_ptr<Link>> links_;  // the first is the service's
  std::atomic<std::size_t> phase_{0};
  std::atomic<bool> sending_{true}, stop_{false};
  std::atomic<std::size_t> outstanding_{0};
  std::thread thread_;
  // The thread's own while it runs.
  Clock::time_point first_due_{};
  std::vector<Request> requests_;
  std::string failure_;
};

}  // namespace load
