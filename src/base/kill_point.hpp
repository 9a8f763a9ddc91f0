// Places where the crash campaign (docs/store.md) kills the program. Only `tiara_crash`, a build
// for that test, is compiled with TIARA_CRASH_HOOKS; in the program that users get they are
// nothing.
#pragma once

#ifdef TIARA_CRASH_HOOKS

#include <string_view>

namespace tiara::base {

// Kills the process the n-th time it comes to the place that TIARA_KILL_AT=PLACE:N names.
void kill_point(std::string_view place);

}  // namespace tiara::base

#define TIARA_KILL_POINT(place) ::tiara::base::kill_point(place)
#define TIARA_KILL_POINT_IF(condition, place) \
  if (condition) ::tiara::base::kill_point(place)

#else

#define TIARA_KILL_POINT(place) static_cast<void>(0)
#define TIARA_KILL_POINT_IF(condition, place) static_cast<void>(0)

#endif
