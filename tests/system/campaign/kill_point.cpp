#include "base/kill_point.hpp"

#include <signal.h>

#include <atomic>
#include <charconv>
#include <cstdlib>

namespace tiara::base {
namespace {

struct Target {
  std::string_view place;
  long count = 0;
};

Target read_target() {
  const char* const text = std::getenv("TIARA_KILL_AT");
  if (text == nullptr) return {};
  const std::string_view all = text;
  const std::size_t colon = all.rfind(':');
  Target target{.place = all.substr(0, colon), .count = 1};
  if (colon != std::string_view::npos)
    std::from_chars(all.data() + colon + 1, all.data() + all.size(), target.count);
  return target;
}

}  // namespace

void kill_point(std::string_view place) {
  static const Target target = read_target();
  static std::atomic<long> visits{0};
  if (place == target.place && ++visits == target.count) ::raise(SIGKILL);
}

}  // namespace tiara::base
