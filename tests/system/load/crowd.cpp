// Do others notice when thousands of clients reconnect at once?
//
//   crowd --port P --ca FILE --cert FILE --key FILE [--clients 2000] [--at-once 0] [--rate 500]
//         [--requesters 8] [--idle-seconds 5] [--after-seconds 2] [--deadline 120] [--nice 10]
//   crowd … --hold     opens the clients, prints one line, holds them until stdin ends
//
// Opens the clients, each with its reply topic, 64 at a time; measures request → service → response
// round trips of other connections while the crowd is silent ("idle"); drops all clients and
// reconnects them, --at-once of them at a time (0: all), while the round trips go on ("storm")
// until the last is back; then sends each client an event, to see that its subscription is there.
// Prints one JSON object. Exit 1 when something was lost: a request without answer, a client that
// did not come back, an event that did not arrive.
//
// The crowd works at --nice 10 and the round trips at normal priority: on few cores the crowd's own
// handshakes, which cost more than the broker's, would otherwise be what is measured.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "link.hpp"
#include "prober.hpp"
#include "storm.hpp"

namespace {

using Json = nlohmann::ordered_json;
using Seconds = std::chrono::duration<double>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kOpenAtOnce = 64;
constexpr unsigned kEventIds = 4, kPublisherIds = 5;
constexpr std::chrono::seconds kPatience{30};  // for an answer or an event after the last was sent

struct Options {
  load::Target target;
  load::Prober::Options prober;
  std::size_t clients = 2000, at_once = 0;
  double idle_seconds = 5, after_seconds = 2, deadline = 120;
  int nice = 10;
  bool hold = false;
};

[[noreturn]] void usage(const std::string& what) {
  std::fprintf(stderr, "crowd: %s; see the top of crowd.cpp\n", what.c_str());
  std::exit(2);
}

template <class Number>
void read_number(const std::string& text, Number& into) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), into);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) usage("no number: " + text);
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  std::map<std::string, std::function<void(const std::string&)>> known;
  const auto text = [&known](const char* name, std::string& into) {
    known[name] = [&into](const std::string& value) { into = value; };
  };
  const auto number = [&known](const char* name, auto& into) {
    known[name] = [&into](const std::string& value) { read_number(value, into); };
  };
  text("--host", options.target.host);
  number("--port", options.target.port);
  text("--ca", options.target.ca);
  text("--cert", options.target.certificate);
  text("--key", options.target.key);
  number("--clients", options.clients);
  number("--at-once", options.at_once);
  number("--rate", options.prober.rate);
  number("--requesters", options.prober.requesters);
  number("--idle-seconds", options.idle_seconds);
  number("--after-seconds", options.after_seconds);
  number("--deadline", options.deadline);
  number("--nice", options.nice);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--hold") {
      options.hold = true;
      continue;
    }
    const auto option = known.find(arguments[i]);
    if (option == known.end() || i + 1 == arguments.size()) usage(arguments[i]);
    option->second(arguments[++i]);
  }
  if (options.target.port == 0 || options.target.ca.empty()) usage("--port and --ca are needed");
  if (options.at_once == 0) options.at_once = options.clients;
  return options;
}

Clock::duration seconds(double value) {
  return std::chrono::duration_cast<Clock::duration>(Seconds(value));
}

double since(Clock::time_point begin) { return Seconds(Clock::now() - begin).count(); }

// Of sorted values; nearest rank.
double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

double milliseconds(double value) { return static_cast<double>(std::lround(value * 1e6)) / 1e3; }

Json spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {{"p50", milliseconds(percentile(values, 0.5))},
          {"p99", milliseconds(percentile(values, 0.99))},
          {"p999", milliseconds(percentile(values, 0.999))},
          {"max", milliseconds(percentile(values, 1))}};
}

constexpr std::array<const char*, 4> kPhases = {"opening", "idle", "storm", "after"};

Json report(const Options& options, const std::vector<load::Prober::Request>& requests,
            std::size_t phase) {
  std::size_t sent = 0, errors = 0, slowest_number = 0;
  double slowest = 0;
  std::vector<double> latencies, late;
  for (const auto& request : requests) {
    if (request.phase != phase) continue;
    if (request.latency > slowest) {
      slowest = request.latency;
      slowest_number = sent;
    }
    ++sent;
    errors += request.error ? 1U : 0U;
    late.push_back(request.late);
    if (request.latency >= 0) latencies.push_back(request.latency);
  }
  const std::size_t unanswered = sent - latencies.size();
  return {
      {"requests", sent},
      {"unanswered", unanswered},
      {"errors", errors},
      {"latency_ms", spread(std::move(latencies))},
      // Into the phase: 0 is the moment at which all leave, for a storm.
      {"slowest_at_ms", milliseconds(static_cast<double>(slowest_number) / options.prober.rate)},
      {"prober_late_ms", spread(std::move(late))}};
}

// An event to each client's reply topic.
bool send_events(const Options& options, ssl_ctx_st* tls, const load::Storm& storm,
                 std::unique_ptr<load::Link>& publisher) {
  constexpr int kSetupSeconds = 30;
  publisher = std::make_unique<load::Link>(options.target, tls);
  publisher->queue(load::connect_packet(load::make_id(kPublisherIds, 0)));
  if (!publisher->await(load::kConnack, kSetupSeconds)) return false;
  for (std::size_t i = 0; i < options.clients; ++i)
    publisher->queue(load::publish_packet(
        storm.reply_topic(i), load::event_message(load::make_id(kEventIds, i), "you are back")));
  const auto end = Clock::now() + kPatience;
  do {
    publisher->advance();
  } while (publisher->wants_write() && Clock::now() < end);
  return publisher->state() == load::Link::State::kOpen;
}

int hold(const Options& options, ssl_ctx_st* tls) {
  load::Storm storm(options.target, tls, options.clients);
  const auto begin = Clock::now();
  const bool opened = storm.open(options.at_once == options.clients ? kOpenAtOnce : options.at_once,
                                 seconds(options.deadline));
  const Json line = {{"up", storm.up()},
                     {"seconds", since(begin)},
                     {"failures", storm.failures()},
                     {"first_failure", storm.first_failure()}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return opened ? 0 : 1;
}

int run(const Options& options, ssl_ctx_st* tls) {
  const auto prober = load::Prober::create(options.target, tls, options.prober);
  if (!prober) return 1;
  prober->start();
  // Of this thread only; the prober's keeps its own.
  if (setpriority(PRIO_PROCESS, 0, options.nice) != 0) std::perror("crowd: nice");

  load::Storm storm(options.target, tls, options.clients);
  auto begin = Clock::now();
  const bool opened = storm.open(kOpenAtOnce, seconds(options.deadline));
  const double opening_seconds = since(begin);
  prober->enter(1);
  storm.hold(seconds(options.idle_seconds));

  const std::size_t failures_before = storm.failures();
  prober->enter(2);
  begin = Clock::now();
  storm.drop();
  const bool back = storm.open(options.at_once, seconds(options.deadline));
  const double storm_seconds = since(begin);
  prober->enter(3);
  const std::vector<double> to_return = storm.seconds_to_return();

  std::unique_ptr<load::Link> publisher;
  const bool delivered =
      send_events(options, tls, storm, publisher) && storm.await_events(kPatience);
  storm.hold(seconds(options.after_seconds));
  const auto result = prober->stop(kPatience);

  Json json = {{"clients", options.clients},
               {"at_once", options.at_once},
               {"rate", options.prober.rate},
               {"opening_seconds", opening_seconds},
               {"storm_seconds", storm_seconds},
               {"back", storm.up()},
               {"return_ms", spread(to_return)},
               {"failed_attempts", storm.failures() - failures_before},
               {"first_failure", storm.first_failure()},
               {"events_delivered", storm.with_event()},
               {"prober_failure", result.failure}};
  std::size_t lost = 0;
  for (std::size_t phase = 0; phase < kPhases.size(); ++phase) {
    json["phases"][kPhases[phase]] = report(options, result.requests, phase);
    lost += json["phases"][kPhases[phase]]["unanswered"].get<std::size_t>();
    lost += json["phases"][kPhases[phase]]["errors"].get<std::size_t>();
  }
  const auto p99 = [&json](const char* phase) {
    return json["phases"][phase]["latency_ms"]["p99"].get<double>();
  };
  json["p99_ratio"] = p99("idle") > 0 ? p99("storm") / p99("idle") : 0.0;
  std::printf("%s\n", json.dump().c_str());
  return opened && back && delivered && lost == 0 && result.failure.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_IGN);  // a write to a connection that the broker has closed fails instead
  const Options options = parse({argv + 1, argv + argc});
  ssl_ctx_st* const tls = load::make_tls(options.target);
  return options.hold ? hold(options, tls) : run(options, tls);
}
