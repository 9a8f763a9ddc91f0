// The process-wide log: one line per event on stderr, asynchronous, so that a stuck stderr never
// stalls I/O. As text for people or as one JSON object a line for programs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace tiara::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

enum class LogFormat : std::uint8_t { kText, kJson };

// Any thread, any time.
void set_log_level(LogLevel minimum);
void set_log_format(LogFormat format);
// Of lines with the same event and subject, so many a minute are written; then one tells how many
// there were. 0: all are.
void set_log_repeats(std::uint32_t per_minute);

// Starts the writer thread; without it, lines go straight to stderr (tests). Safe to call once per
// process.
void start_log(LogLevel minimum);
// Writes what is queued and stops the writer thread. False if stderr was stuck for too long: the
// thread is left behind, and holds what exit() would wait for.
bool stop_log();
// Lines lost because the queue was full; the newest are kept, the oldest dropped.
std::uint64_t dropped_log_lines();

// `area` names the layer ("broker", "tie"). `text` becomes printable (printable.hpp): it may hold a
// peer's bytes.
void log_line(LogLevel level, std::string_view area, std::string_view text);
bool log_enabled(LogLevel level);

// A member of the JSON object; text lines say it in words.
struct LogField {
  std::string_view name, value;
};
// One event with a stable name ("client.connected"; docs/operation.md lists them). `subject` is who
// or what may cause many of them: a client's thumbprint, a rule; empty: all are written. `text` is
// the whole line for people, without payloads; everything is escaped.
void log_event(LogLevel level, std::string_view area, std::string_view event,
               std::string_view subject, std::initializer_list<LogField> fields,
               std::string_view text);
// Tells what was left out more than a minute ago, and forgets it; call it now and then.
void tell_repeated_log_lines();
std::uint64_t repeated_log_lines();  // left out since start

// `text` as a JSON string with its quotes. What is no UTF-8 becomes U+FFFD.
std::string json_text(std::string_view text);

template <class... Args>
void log(LogLevel level, std::string_view area, fmt::format_string<Args...> format,
         Args&&... args) {
  if (log_enabled(level)) log_line(level, area, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tiara::base
