// One I/O thread's event loop. A turn runs everything that is ready, then the end-of-turn work
// (flush each dirty connection once), then sleeps. This is what makes one write per connection and
// turn.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace tiara::net {

class Connection;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs turns on the calling thread until stop(). That thread is "the loop's thread" of every
  // other comment.
  void run();
  void stop();  // any thread

  // Any thread: `task` runs on the loop's thread in a later turn. Order per caller is kept.
  void post(std::function<void()> task);
  bool on_loop_thread() const;

  // Loop's thread only. `task` runs once after `delay`, unless the returned handle is destroyed
  // first.
  class Timer;
  std::unique_ptr<Timer> schedule(std::chrono::steady_clock::duration delay,
                                  std::function<void()> task);

  // Loop's thread only: `task` runs at the end of this turn, after all ready work. Used by
  // Connection.
  void at_end_of_turn(std::weak_ptr<Connection> connection);

  // Scratch for reading, shared by all connections of the loop: an idle connection owns no buffer.
  std::vector<char>& read_buffer();

  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
