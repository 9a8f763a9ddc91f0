#include "tie_lookups.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "tie/codec.hpp"

namespace tiara::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Requests are made before the clock runs, so many at a time.
constexpr std::uint64_t kPerRound = 4'096;
constexpr std::string_view kClient = "0123456789abcdef0123456789abcdef01234567";

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string request_for(tie::FileHashes hashes, By by) {
  if (by != By::kAll && by != By::kMd5) hashes.md5.reset();
  if (by != By::kAll && by != By::kSha1) hashes.sha1.reset();
  if (by != By::kAll && by != By::kSha256) hashes.sha256.reset();
  std::string payload;
  tie::append_get_file_reputation(hashes, payload);
  return payload;
}

// `nanoseconds` are reordered.
void add_times(std::vector<std::uint32_t>& nanoseconds, Measured& to) {
  const auto at = [&](double share) {
    const auto place = nanoseconds.begin() +
                       static_cast<std::ptrdiff_t>(static_cast<double>(nanoseconds.size()) * share);
    std::nth_element(nanoseconds.begin(), place, nanoseconds.end());
    return static_cast<double>(*place) / 1000;
  };
  if (nanoseconds.empty()) return;
  to.p50 = at(0.5);
  to.p99 = at(0.99);
  to.max = static_cast<double>(*std::max_element(nanoseconds.begin(), nanoseconds.end())) / 1000;
}

}  // namespace

std::string_view to_string(By by) {
  switch (by) {
    case By::kMd5:
      return "md5";
    case By::kSha1:
      return "sha1";
    case By::kSha256:
      return "sha256";
    case By::kAll:
      return "all";
  }
  return "";
}

Service::Service(std::unique_ptr<store::ReputationStore> store, std::size_t cached_digests)
    : core_(service::CoreOptions{.settings = {}, .cached_digests = cached_digests},
            std::move(store), clock_),
      dispatcher_(core_.context(), core_.access(), clock_, *this) {}

void Service::send(std::string_view, const dxl::MessageView& message) {
  answer_.assign(message.payload);
}

bool Service::write(service::Command) { return false; }  // a pure read writes nothing

bool Service::read(service::ReadTask task) {
  auto text = service::answer(core_.context(), task.query, clock_.epoch_seconds());
  dispatcher_.on_read({.task = std::move(task), .answer = std::move(text)});
  return true;
}

const std::string& Service::ask(std::string_view payload) {
  answer_.clear();
  dxl::MessageView message;
  message.type = dxl::MessageType::kRequest;
  message.message_id = "{6d9ba1d4-6bd1-43bd-a6b9-bd1c4d3a0f8e}";
  message.reply_to_topic = "/mcafee/client/{0e3f4b5a-0b5e-4c9f-8f5d-0a1b2c3d4e5f}";
  message.source_client_id = kClient;
  message.source_broker_id = "{9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d}";
  message.payload = payload;
  dispatcher_.on_message(tie::kTopicFileReputation, message);
  return answer_;
}

Measured Service::measure(const Filling& filling, By by, std::uint64_t lookups, std::uint64_t first,
                          std::uint64_t span) {
  Measured measured{.lookups = lookups};
  std::vector<std::uint32_t> times;
  times.reserve(lookups);
  std::vector<std::string> requests;
  const std::uint64_t hits_before = core_.counters().cache_hits;
  const std::uint64_t unknown_before = core_.counters().verdicts[0];
  std::uint64_t unanswered = 0;
  while (times.size() < lookups) {
    requests.clear();
    while (requests.size() < std::min<std::uint64_t>(kPerRound, lookups - times.size()))
      requests.push_back(request_for(hashes_of(filling, first + mix(++drawn_) % span), by));
    const double cpu = cpu_seconds();
    const auto begin = Clock::now();
    auto before = begin;
    for (const std::string& request : requests) {
      if (ask(request).empty()) ++unanswered;
      const auto now = Clock::now();
      times.push_back(static_cast<std::uint32_t>((now - before).count()));
      before = now;
    }
    measured.wall_seconds += std::chrono::duration<double>(before - begin).count();
    measured.cpu_seconds += cpu_seconds() - cpu;
  }
  add_times(times, measured);
  const auto share = [&](std::uint64_t of) {
    return static_cast<double>(of) / static_cast<double>(lookups);
  };
  measured.from_cache = share(core_.counters().cache_hits - hits_before);
  measured.known = 1 - share(core_.counters().verdicts[0] - unknown_before);
  measured.unanswered = unanswered;
  return measured;
}

double Service::time_slow(const service::Query& query, std::size_t& bytes) {
  const auto begin = Clock::now();
  const auto text = service::answer(core_.context(), query, clock_.epoch_seconds());
  bytes = text ? text->size() : 0;
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace tiara::bench
