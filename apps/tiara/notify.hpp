// Messages to the service manager that started this process, if it asked for them: the protocol of
// sd_notify(3), a datagram of NAME=VALUE lines to $NOTIFY_SOCKET.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace tiara::app {

class Notifier {
 public:
  // From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID; nobody asked: every call does nothing.
  static Notifier from_environment();

  void ready() const { send("READY=1\n"); }
  // Until the next ready().
  void reloading() const;
  void stopping() const { send("STOPPING=1\n"); }
  void alive() const { send("WATCHDOG=1\n"); }
  // How often alive() is due: half of what the manager allows. Absent: it does not watch.
  std::optional<std::chrono::microseconds> alive_every() const { return alive_every_; }

 private:
  // A lost message is no reason to stop.
  void send(const std::string& message) const;
  std::string socket_;  // empty: nobody asked
  std::optional<std::chrono::microseconds> alive_every_;
};

}  // namespace tiara::app
