// The service's slow work, in a thread of its own: looks for what has aged (TIE reference §6.16)
// and logs where the audit log ends. Decides nothing: the writer looks again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/ports.hpp"
#include "service/commands.hpp"
#include "service/lookup.hpp"

namespace tiara::service {

struct HousekeepingTimes {
  std::chrono::milliseconds first{60'000};  // after the start
  std::chrono::milliseconds every{3'600'000};
};

class Housekeeping {
 public:
  // `submit` hands a command to the writer; false: its queue is full. Both must outlive it.
  Housekeeping(const LookupContext& context, const base::Clock& clock,
               std::function<bool(AgeCommand)> submit, const HousekeepingTimes& times = {});
  ~Housekeeping();  // stops and joins

  // One round, at once, in the caller's thread.
  void run_once();

 private:
  void run();
  void look_for_aged();
  void log_audit_head() const;
  // False: stop.
  bool wait_for(std::chrono::milliseconds time);
  bool hand_in(AgeCommand& command);

  const LookupContext& context_;
  const base::Clock& clock_;
  std::function<bool(AgeCommand)> submit_;
  HousekeepingTimes times_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace tiara::service
