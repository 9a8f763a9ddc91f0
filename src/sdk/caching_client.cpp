#include "tie/caching_client.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "sdk/change_ids.hpp"
#include "sdk/subject_cache.hpp"
#include "sdk/tie_ask.hpp"
#include "tie/updates_reader.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using tiara::base::LogLevel;
using tiara::sdk::Answer;
using tiara::sdk::BootTime;
using tiara::sdk::ChangeIds;
using tiara::sdk::SubjectCache;
using FlightPtr = SubjectCache::FlightPtr;

constexpr const char* kLogArea = "tie cache";
// Events of several pool threads overtake each other: a hole may be none.
constexpr milliseconds kHolePatience{200};
constexpr milliseconds kRetryFirst{500};
constexpr std::chrono::hours kLongest{10 * 365 * 24};  // that clocks can be added to

BootTime boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void lower_to(std::atomic<std::int64_t>& value, std::int64_t to) {
  std::int64_t now = value;
  while (to < now && !value.compare_exchange_weak(now, to)) {
  }
}

FileHashes name_of(const Certificate& certificate) { return {.sha1 = certificate.sha1}; }

}  // namespace

struct CachingClient::Impl {
  Client client;
  const CacheOptions options;
  SubjectCache files, certificates;

  // Everything before it was told of: by events, or by a catch-up that began then.
  std::atomic<BootTime> confirmed;
  // Where the next catch-up begins, in the service's seconds; kNoTime before the first answer.
  static constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> since{kNoTime};
  std::atomic<std::int64_t> noted{kNoTime};  // the least time of an answer since a catch-up began
  std::atomic<bool> timeless{false};         // an answer came without a time
  std::atomic<std::uint64_t> holes{0}, catch_ups{0}, failed_catch_ups{0};

  std::mutex mutex;
  ChangeIds ids;
  std::atomic<bool> stopping{false};  // set under the mutex
  std::condition_variable wake;
  std::optional<std::chrono::steady_clock::time_point> catch_up_at;  // earlier than its turn
  bool must_catch_up = false;  // then, whatever becomes of the hole

  std::thread worker;
  // Last, so that no callback runs while anything above goes.
  std::vector<dxl::Subscription> subscriptions;

  Impl(const Client& from, const CacheOptions& wanted)
      : client(from),
        options(wanted),
        files(wanted.max_subjects),
        certificates(wanted.max_subjects),
        confirmed(boot_now()) {}
  ~Impl();

  BootTime oldest() const {
    const BootTime bound = boot_now() - options.max_staleness;
    return confirmed.load(std::memory_order_acquire) >= bound ? BootTime::min() : bound;
  }

  dxl::Result<void> start();
  template <class Change>
  void on_change(SubjectCache& cache, const FileHashes& name, const Change& change);
  void catch_up_now();

  template <class Ask>
  dxl::Result<SharedReputations> get(SubjectCache& cache, const FileHashes& name, Ask ask);
  dxl::Result<SharedReputations> land(SubjectCache& cache, const FlightPtr& flight,
                                      dxl::Result<Reputations> told);
  void note_time(std::int64_t server_time);

  void run();
  dxl::Result<void> catch_up();
  dxl::Result<void> list_changes(std::int64_t from, BootTime began, std::int64_t& reached);
  dxl::Result<void> roll(GetUpdates from, BootTime began, std::int64_t& reached);
  void clear();
};

CachingClient::Impl::~Impl() {
  subscriptions.clear();
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  wake.notify_all();
  if (worker.joinable()) worker.join();
}

dxl::Result<void> CachingClient::Impl::start() {
  auto file_changes = client.add_file_reputation_change_callback(
      [this](const FileReputationChange& change, const dxl::Event&) {
        // An answer about a certificate lists the files with overrides that it signed (§3.4).
        if (change.signer) {
          certificates.change(name_of(*change.signer));
        } else if (change.change_id == 0) {
          certificates.clear();  // an original service does not name the signer on this topic
        }
        on_change(files, change.hashes, change);
      });
  if (!file_changes) return dxl::fail(file_changes.error());
  subscriptions.push_back(std::move(*file_changes));
  auto certificate_changes = client.add_certificate_reputation_change_callback(
      [this](const CertificateReputationChange& change, const dxl::Event&) {
        on_change(certificates, name_of(change.certificate), change);
      });
  if (!certificate_changes) return dxl::fail(certificate_changes.error());
  subscriptions.push_back(std::move(*certificate_changes));
  // Events are lost between two connections.
  subscriptions.push_back(
      client.dxl_client().add_connection_callback([this](const dxl::ConnectionEvent& event) {
        if (event.state == dxl::ConnectionEvent::State::kConnected) catch_up_now();
      }));
  worker = std::thread([this] { run(); });
  return {};
}

template <class Change>
void CachingClient::Impl::on_change(SubjectCache& cache, const FileHashes& name,
                                    const Change& change) {
  cache.change(name);
  if (change.change_id == 0) return;  // an original service does not count
  const std::lock_guard lock(mutex);
  switch (ids.add(change.change_id)) {
    case ChangeIds::Seen::kInOrder:
      return;
    case ChangeIds::Seen::kHole:
      ++holes;
      break;
    case ChangeIds::Seen::kOtherCount:
      // What another service, or an older state of this one, knows is not what is remembered.
      clear();
      return;
  }
  if (!catch_up_at) catch_up_at = std::chrono::steady_clock::now() + kHolePatience;
  wake.notify_all();
}

void CachingClient::Impl::catch_up_now() {
  const std::lock_guard lock(mutex);
  catch_up_at = std::chrono::steady_clock::now();
  must_catch_up = true;
  wake.notify_all();
}

void CachingClient::Impl::clear() {
  files.clear();
  certificates.clear();
}

template <class Ask>
dxl::Result<SharedReputations> CachingClient::Impl::get(SubjectCache& cache, const FileHashes& name,
                                                        Ask ask) {
  if (Answer known = cache.find(name, oldest())) return known;
  const FlightPtr flight = cache.depart(name, boot_now());
  return land(cache, flight, ask());
}

dxl::Result<SharedReputations> CachingClient::Impl::land(SubjectCache& cache,
                                                         const FlightPtr& flight,
                                                         dxl::Result<Reputations> told) {
  if (!told) {
    cache.land(flight, nullptr);
    return dxl::fail(std::move(told.error()));
  }
  note_time(told->server_time);
  auto answer = std::make_shared<const Reputations>(*std::move(told));
  cache.land(flight, answer);
  return answer;
}

// Before the answer is remembered: the next catch-up must begin no later than it.
void CachingClient::Impl::note_time(std::int64_t server_time) {
  if (server_time <= 0) timeless = true;
  if (server_time <= 0) return;
  lower_to(noted, server_time);
  lower_to(since, server_time);
}

// --- What changed meanwhile. On the worker. ---

void CachingClient::Impl::run() {
  using Clock = std::chrono::steady_clock;
  auto next = Clock::now() + options.catch_up_every;
  auto next_sweep = Clock::now() + options.keep_unused;
  milliseconds retry = kRetryFirst;
  std::unique_lock lock(mutex);
  while (!stopping) {
    const auto at = catch_up_at ? std::min(*catch_up_at, next) : next;
    if (Clock::now() < at) {
      wake.wait_until(lock, at);
      continue;
    }
    catch_up_at.reset();
    // Events that came late have closed the hole.
    if (at < next && !must_catch_up && !ids.any_missing()) continue;
    must_catch_up = false;
    ids.forgive();  // a hole that opens from now on is another one
    lock.unlock();
    const auto done = catch_up();
    if (Clock::now() >= next_sweep) {
      files.drop_unused();
      certificates.drop_unused();
      next_sweep = Clock::now() + options.keep_unused;
    }
    lock.lock();
    if (done) {
      ++catch_ups;
      retry = kRetryFirst;
      next = Clock::now() + options.catch_up_every;
      continue;
    }
    ++failed_catch_ups;
    tiara::base::log(LogLevel::kWarning, kLogArea, "cannot catch up with changes: {}",
                     done.error().message);
    next = Clock::now() + retry;
    retry = std::min(retry * 2, options.catch_up_every);
  }
}

dxl::Result<void> CachingClient::Impl::catch_up() {
  const BootTime began = boot_now();
  noted = kNoTime;
  const std::int64_t from = since;
  std::int64_t reached = kNoTime;
  dxl::Result<void> done;
  if (timeless.exchange(false)) {
    clear();
  } else if (from != kNoTime) {
    done = list_changes(from, began, reached);
  }
  if (!done) {
    const bool later = tiara::sdk::is_passing(done.error()) ||
                       done.error().code == ErrorCode::kNotConnected ||
                       done.error().code == ErrorCode::kCancelled;
    if (later) return done;
    // The service cannot tell. What is asked for from now on is asked about from now on.
    since = kNoTime;
    clear();
  } else if (reached != kNoTime) {
    std::int64_t expected = from;
    since.compare_exchange_strong(expected, reached);
    lower_to(since, noted);  // an answer that came meanwhile may be of an earlier time
  }
  confirmed.store(began, std::memory_order_release);
  return {};
}

// A file is listed by one digest; which types it is remembered or asked for by is ours to know.
dxl::Result<void> CachingClient::Impl::list_changes(std::int64_t from, BootTime began,
                                                    std::int64_t& reached) {
  // All changes, whatever the service's setting: an API lookup leaves no reference.
  using Type = GetUpdates::FileType;
  const auto of_files = [&](Type type) {
    return roll({.since = from, .targeted = false, .certificates = false, .file_type = type}, began,
                reached);
  };
  dxl::Result<void> done;
  const bool certificates_too = certificates.has_any<Sha1>();
  if (files.has_any<Sha256>()) done = of_files(Type::kSha256);
  // Certificates depend on the files they signed, whatever those are remembered by.
  if (done && (files.has_any<Sha1>() || certificates_too)) done = of_files(Type::kSha1);
  if (done && files.has_any<Md5>()) done = of_files(Type::kMd5);
  if (done && certificates_too) {
    done = roll({.since = from, .targeted = false, .files = false}, began, reached);
  }
  return done;
}

dxl::Result<void> CachingClient::Impl::roll(GetUpdates from, BootTime began,
                                            std::int64_t& reached) {
  Client asking = client.with_timeout(options.catch_up_timeout);
  UpdatesReader reader(asking, std::move(from));
  while (true) {
    auto page = reader.next();
    if (!page) return dxl::fail(page.error());
    if (!*page) break;
    const std::int64_t time = (*page)->latest_update_time;
    for (const FileHashes& one : (*page)->files) files.change(one, time);
    for (const Sha1& one : (*page)->certificates) certificates.change({.sha1 = one}, time);
    if (!(*page)->files.empty()) certificates.change_all(time);  // one may have signed it
    if (stopping) return dxl::fail(ErrorCode::kCancelled, "the cache is being destroyed");
    if (boot_now() - began > options.max_staleness) {
      return dxl::fail(ErrorCode::kLimitExceeded, "the list of changes does not end");
    }
  }
  reached = std::min(reached, reader.since());
  return {};
}

// --- The client ---

CachingClient::CachingClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CachingClient::~CachingClient() = default;

dxl::Result<std::unique_ptr<CachingClient>> CachingClient::create(const Client& client,
                                                                  CacheOptions options) {
  if (options.max_staleness < options.catch_up_every) {
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("max_staleness of {} ms is below catch_up_every, {} ms",
                                 options.max_staleness.count(), options.catch_up_every.count()));
  }
  if (options.max_subjects == 0 || options.catch_up_every <= milliseconds(0)) {
    return dxl::fail(ErrorCode::kInvalidArgument,
                     "max_subjects and catch_up_every must be above 0");
  }
  options.max_staleness = std::min(options.max_staleness, milliseconds(kLongest));
  options.catch_up_every = std::min(options.catch_up_every, milliseconds(kLongest));
  options.keep_unused = std::min(options.keep_unused, kLongest);
  auto impl = std::make_unique<Impl>(client, options);
  if (auto started = impl->start(); !started) return dxl::fail(started.error());
  return std::unique_ptr<CachingClient>(new CachingClient(std::move(impl)));
}

dxl::Result<SharedReputations> CachingClient::get_file_reputation(const FileHashes& hashes) {
  return impl_->get(impl_->files, hashes,
                    [&] { return impl_->client.get_file_reputation(hashes); });
}

dxl::Result<SharedReputations> CachingClient::get_certificate_reputation(
    const Certificate& certificate) {
  return impl_->get(impl_->certificates, name_of(certificate),
                    [&] { return impl_->client.get_certificate_reputation(certificate); });
}

std::vector<dxl::Result<SharedReputations>> CachingClient::get_file_reputations(
    std::span<const FileHashes> files) {
  std::vector<dxl::Result<SharedReputations>> answers(files.size());
  std::vector<FileHashes> unknown;
  std::vector<std::pair<std::size_t, FlightPtr>> places;
  const BootTime oldest = impl_->oldest(), now = boot_now();
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (Answer known = impl_->files.find(files[i], oldest)) {
      answers[i] = std::move(known);
      continue;
    }
    unknown.push_back(files[i]);
    places.emplace_back(i, impl_->files.depart(files[i], now));
  }
  auto told = impl_->client.get_file_reputations(unknown);
  for (std::size_t i = 0; i < places.size(); ++i) {
    answers[places[i].first] = impl_->land(impl_->files, places[i].second, std::move(told[i]));
  }
  return answers;
}

SharedReputations CachingClient::find_file(const FileHashes& hashes) {
  return impl_->files.find(hashes, impl_->oldest());
}

SharedReputations CachingClient::find_certificate(const Certificate& certificate) {
  return impl_->certificates.find(name_of(certificate), impl_->oldest());
}

void CachingClient::clear() { impl_->clear(); }

CacheStats CachingClient::stats() const {
  const auto files = impl_->files.counts(), certificates = impl_->certificates.counts();
  return {.hits = files.hits + certificates.hits,
          .misses = files.misses + certificates.misses,
          .not_kept = files.not_kept + certificates.not_kept,
          .dropped = files.dropped + certificates.dropped,
          .holes = impl_->holes,
          .catch_ups = impl_->catch_ups,
          .failed_catch_ups = impl_->failed_catch_ups,
          .subjects = impl_->files.size() + impl_->certificates.size()};
}

}  // namespace tie
