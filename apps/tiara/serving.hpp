// What the main thread of a server does once everything runs: signals, signs of life, expiries.
#pragma once

#include <functional>

#include "tiara/notify.hpp"
#include "tiara/waiting.hpp"

namespace tiara::app {

struct Serving {
  std::function<void()> reload;          // at SIGHUP; tells of failures itself
  std::function<void()> warn_of_expiry;  // daily, and after a reload
  std::function<void()> probe;           // returns only if everything is alive
};

// Until a signal says stop. The service manager hears that we live only while probe() returns.
void serve(const Serving& serving, Waiting& waiting, const Notifier& notifier);

}  // namespace tiara::app
