// One I/O thread's event loop. A turn collects what is ready, runs it together with the posted
// tasks, does the end-of-turn work (flush each dirty connection once), then sleeps. This is what
// makes one write per connection and turn. Whatever a turn's work posts or arms belongs to a later
// turn, so every turn ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
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
  // Any thread. What was posted before still runs; what that posts does not.
  void stop();

  // Any thread: `task` runs on the loop's thread in a later turn. Order per caller is kept.
  void post(std::function<void()> task);
  bool on_loop_thread() const;

  // Loop's thread only: runs `task` in this turn or later, in order; such tasks together get a
  // quarter of the loop's time at most. For work that comes in crowds and can wait, so that it does
  // not delay what cannot.
  void post_paced(std::function<void()> task);
  // Loop's thread only: about now, at the price of one look at the clock per turn.
  std::chrono::steady_clock::time_point turn_began() const;

  // Posts like the loop itself, but may outlive it: tasks for a loop that is gone are dropped.
  class Mailbox;
  std::shared_ptr<Mailbox> mailbox() const;

  // Loop's thread only. `task` runs once after `delay`, unless the returned handle is destroyed
  // first.
  class Timer {
   public:
    ~Timer();

   private:
    friend class Loop;
    struct State;
    explicit Timer(std::weak_ptr<State> state);
    std::weak_ptr<State> state_;  // owned by the loop until it fires or is cancelled
  };
  std::unique_ptr<Timer> schedule(std::chrono::steady_clock::duration delay,
                                  std::function<void()> task);

  // Loop's thread only: `task` runs at the end of this turn, after all ready work. Used by
  // Connection.
  void at_end_of_turn(std::weak_ptr<Connection> connection);

  // `task` runs at the end of every turn, before the connections are flushed. One per loop. Set it
  // before run() or on the loop's thread, not from `task` itself.
  void every_turn(std::function<void()> task);

  // Something that became ready. `event` runs in this turn, once everything ready is known. Loop's
  // thread, from handlers of context().
  class Event {
   public:
    virtual ~Event() = default;
    virtual void run() = 0;
  };
  void on_ready(std::shared_ptr<Event> event);

  // Scratch for reading, shared by all connections of the loop: an idle connection owns no buffer.
  std::vector<char>& read_buffer();
  // The same for TLS records before decryption and after encryption.
  std::vector<char>& record_input();
  std::string& record_output();

  // Empty strings with some capacity, handed round between the connections that have output.
  std::string take_buffer();
  void give_buffer(std::string buffer);

  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Loop::Mailbox {
 public:
  Mailbox();
  ~Mailbox();
  void post(std::function<void()> task);  // any thread

 private:
  friend class Loop;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tiara::net
