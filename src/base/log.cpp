#include "base/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/log_repeats.hpp"
#include "base/printable.hpp"
#include "base/utf8.hpp"

namespace tiara::base {
namespace {

constexpr std::size_t kQueuedLines = 8192;
// How long stop_log() waits for a stderr that nobody reads.
constexpr std::chrono::seconds kStopDeadline{2};

struct Writer {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

std::atomic<LogLevel> minimum_level{LogLevel::kInfo};
std::atomic<LogFormat> current_format{LogFormat::kText};
LogRepeats repeats;
std::mutex writer_mutex;  // guards the two below; never held while a line is formatted or written
std::shared_ptr<Writer> current_writer;
std::uint64_t dropped_before_stop = 0;

std::shared_ptr<Writer> find_writer() {
  const std::lock_guard lock(writer_mutex);
  return current_writer;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

void append_time(fmt::memory_buffer& out) {
  using namespace std::chrono;
  const auto since_epoch = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  const std::time_t seconds = since_epoch.count() / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, since_epoch.count() % 1000);
}

void append_json(std::string_view text, fmt::memory_buffer& out) {
  const auto append = [&out](std::string_view part) { out.append(part.begin(), part.end()); };
  out.push_back('"');
  while (!text.empty()) {
    const std::size_t bytes = utf8_character_bytes(text);
    const auto control = find_control(text);
    if (bytes == 0)
      append("\\ufffd");
    else if (text.front() == '"' || text.front() == '\\')
      append({std::array{'\\', text.front()}.data(), 2});
    else if (control)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", std::uint32_t{*control});
    else
      append(text.substr(0, bytes));
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  out.push_back('"');
}

}  // namespace

void start_log(LogLevel minimum) {
  minimum_level.store(minimum, std::memory_order_relaxed);
  auto writer = std::make_shared<Writer>();
  writer->pool = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  writer->logger = std::make_shared<spdlog::async_logger>(
      "tiara", std::make_shared<spdlog::sinks::stderr_sink_mt>(), writer->pool,
      spdlog::async_overflow_policy::overrun_oldest);
  writer->logger->set_level(spdlog::level::trace);  // levels are decided in log_enabled()
  writer->logger->set_pattern("%v");                // lines arrive finished
  const std::lock_guard lock(writer_mutex);
  current_writer = std::move(writer);
}

bool stop_log() {
  std::shared_ptr<Writer> writer;
  {
    const std::lock_guard lock(writer_mutex);
    writer.swap(current_writer);
    if (writer == nullptr) return true;
    dropped_before_stop += writer->pool->overrun_counter();
  }
  // Releasing the pool writes the queue and joins its thread, which never ends while stderr is
  // stuck: another thread does it, and is left behind after the deadline.
  std::promise<void> written;
  std::future<void> done = written.get_future();
  std::thread([last = std::move(writer), written = std::move(written)]() mutable {
    last.reset();
    written.set_value();
  }).detach();
  return done.wait_for(kStopDeadline) == std::future_status::ready;
}

std::uint64_t dropped_log_lines() {
  const std::lock_guard lock(writer_mutex);
  return dropped_before_stop +
         (current_writer == nullptr ? 0 : current_writer->pool->overrun_counter());
}

namespace {

void write(fmt::memory_buffer& line) {
  if (const std::shared_ptr<Writer> writer = find_writer()) {
    writer->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void write_json(LogLevel level, std::string_view area, std::string_view event,
                std::initializer_list<LogField> fields, std::string_view text) {
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), "{{\"time\":\"");
  append_time(line);
  fmt::format_to(std::back_inserter(line), "\",\"level\":\"{}\"", name_of(level));
  const auto member = [&line](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(line), ",\"{}\":", name);
    append_json(value, line);
  };
  member("area", area);
  member("event", event);
  for (const LogField& field : fields)
    if (!field.value.empty()) member(field.name, field.value);
  member("message", text);
  line.push_back('}');
  write(line);
}

void write_text(LogLevel level, std::string_view area, std::string_view text) {
  fmt::memory_buffer line;
  append_time(line);
  fmt::format_to(std::back_inserter(line), " {:<5} {:<7} ", name_of(level), area);
  const std::string safe = printable(text);
  line.append(safe.data(), safe.data() + safe.size());
  write(line);
}

void write_line(LogLevel level, std::string_view area, std::string_view event,
                std::initializer_list<LogField> fields, std::string_view text) {
  if (current_format.load(std::memory_order_relaxed) == LogFormat::kJson)
    write_json(level, area, event, fields, text);
  else
    write_text(level, area, text);
}

void tell(const LogRepeats::LeftOut& left) {
  const std::string count = std::to_string(left.count);
  write_line(left.level, left.area, left.event, {{"subject", left.subject}, {"repeated", count}},
             fmt::format("{} more like it: {} {}", left.count, left.event, left.subject));
}

}  // namespace

void log_line(LogLevel level, std::string_view area, std::string_view text) {
  if (log_enabled(level)) write_line(level, area, "message", {}, text);
}

void log_event(LogLevel level, std::string_view area, std::string_view event,
               std::string_view subject, std::initializer_list<LogField> fields,
               std::string_view text) {
  if (!log_enabled(level)) return;
  if (!subject.empty()) {
    const LogRepeats::Verdict verdict =
        repeats.take(level, area, event, subject, std::chrono::steady_clock::now());
    if (verdict.before) tell(*verdict.before);
    if (!verdict.write) return;
  }
  write_line(level, area, event, fields, text);
}

void tell_repeated_log_lines() {
  for (const LogRepeats::LeftOut& left : repeats.sweep(std::chrono::steady_clock::now()))
    tell(left);
}

std::uint64_t repeated_log_lines() { return repeats.left_out(); }

void set_log_level(LogLevel minimum) { minimum_level.store(minimum, std::memory_order_relaxed); }
void set_log_format(LogFormat format) { current_format.store(format, std::memory_order_relaxed); }
void set_log_repeats(std::uint32_t per_minute) { repeats.set_limit(per_minute); }

std::string json_text(std::string_view text) {
  fmt::memory_buffer out;
  append_json(text, out);
  return fmt::to_string(out);
}

bool log_enabled(LogLevel level) { return level >= minimum_level.load(std::memory_order_relaxed); }

}  // namespace tiara::base
