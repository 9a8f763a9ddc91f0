// The process-wide log: one line per event on stderr, asynchronous, so that a stuck stderr never
// stalls I/O.
#pragma once

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace tiara::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Starts the writer thread; without it, lines go straight to stderr (tests). Safe to call once per
// process.
void start_log(LogLevel minimum);
// Writes what is queued and stops the writer thread. False if stderr was stuck for too long: the
// thread is left behind, and holds what exit() would wait for.
bool stop_log();
// Lines lost because the queue was full; the newest are kept, the oldest dropped.
std::uint64_t dropped_log_lines();

// `area` names the layer ("broker", "tie"). Control characters in `text` are escaped: it may hold a
// peer's bytes.
void log_line(LogLevel level, std::string_view area, std::string_view text);
bool log_enabled(LogLevel level);

template <class... Args>
void log(LogLevel level, std::string_view area, fmt::format_string<Args...> format,
         Args&&... args) {
  if (log_enabled(level)) log_line(level, area, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tiara::base
