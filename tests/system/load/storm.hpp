// Many clients with one certificate, each subscribed to its reply topic. One thread, one epoll.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "link.hpp"

namespace load {

class Storm {
 public:
  using Clock = std::chrono::steady_clock;

  Storm(const Target& target, ssl_ctx_st* tls, std::size_t clients);
  ~Storm();

  // Opens every client that is down, at most `at_once` at a time, until all are up; one whose
  // connection fails tries again soon, like a real one. False at the deadline.
  bool open(std::size_t at_once, Clock::duration deadline);
  // Closes all sockets, without a word to the broker.
  void drop();
  // Reads for this long. A connection that the broker closes meanwhile counts as a failure.
  void hold(Clock::duration time);
  // Reads until each client has got an event since its subscription; false at the deadline.
  bool await_events(Clock::duration deadline);

  std::string reply_topic(std::size_t client) const;
  std::size_t up() const { return up_; }
  std::size_t with_event() const { return with_event_; }
  // Attempts or connections that ended without our doing, and why the first did.
  std::size_t failures() const { return failures_; }
  const std::string& first_failure() const { return first_failure_; }
  // Seconds from the call of open() to the SUBACK of each client it opened.
  const std::vector<double>& seconds_to_return() const { return seconds_to_return_; }

 private:
  enum class Stage { kDown, kOpening, kConnectSent, kSubscribeSent, kUp };
  struct Client {
    std::unique_ptr<Link> link;
    Stage stage = Stage::kDown;
    Clock::time_point try_at{};
    bool watched_for_write = false;
    bool has_event = false;
  };

  void start(std::size_t number);
  void step(std::size_t number);
  void take_packets(std::size_t number);
  void watch(std::size_t number, int operation);
  void lose(std::size_t number);
  // One epoll turn; sooner than `until` if something happens.
  void turn(Clock::time_point until);

  const Target target_;
  ssl_ctx_st* const tls_;
  int epoll_ = -1;
  std::vector<Client> clients_;
  std::size_t up_ = 0, opening_ = 0, with_event_ = 0, failures_ = 0;
  std::string first_failure_;
  Clock::time_point opened_at_{};
  std::vector<double> seconds_to_return_;
};

}  // namespace load
