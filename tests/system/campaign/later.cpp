// Preloaded into a program, moves its wall clock by TIARA_LATER seconds, so that records age in a
// test.
#include <dlfcn.h>
#include <time.h>

#include <cstdlib>

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  using Function = int(clockid_t, timespec*);
  static Function* const real = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, "clock_gettime"));
  static const char* const later = std::getenv("TIARA_LATER");
  const int result = real(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME && later != nullptr)
    now->tv_sec += std::strtol(later, nullptr, 10);
  return result;
}
