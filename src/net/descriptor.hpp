// A file descriptor registered with a loop: readiness only, the owner does the reading and writing.
#pragma once

#include <functional>
#include <memory>

#include "dxl/result.hpp"
#include "net/loop.hpp"

namespace tiara::net {

class Descriptor {
 public:
  // Takes over the non-blocking descriptor `fd`, also when it fails (kUnavailable: the kernel has
  // no room to watch it).
  static dxl::Result<std::unique_ptr<Descriptor>> adopt(Loop& loop, int fd);
  ~Descriptor();

  int fd() const;      // -1 once closed
  Loop& loop() const;  // not between leave_loop() and move_to()

  // Two halves of a move, each on the thread of the loop it names, with no wait pending. In between
  // nothing refers to either loop. When `loop` has no room the descriptor is closed and every wait
  // fires, so that the next read tells.
  void leave_loop();
  void move_to(Loop& loop);  // leaves first if need be

  // Calls `ready` once in a later turn. One wait per direction; a second one replaces the first.
  void wait_readable(std::function<void()> ready);
  void wait_writable(std::function<void()> ready);
  // Pending waits never fire.
  void close();

 private:
  struct State;
  explicit Descriptor(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with waits that the loop still holds; null in between
  int detached_ = -1;             // in between
};

}  // namespace tiara::net
