#include "service/tie_service.hpp"

#include <condition_variable>
#include <future>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "sdk/service_host.hpp"
#include "service/command_processor.hpp"
#include "service/dispatcher.hpp"
#include "service/work_queue.hpp"

namespace tiara::service {
namespace {

// Clients test for 3.0.0 before they use External reputations (TIE reference §5.5).
const std::uint64_t kServerVersion = tie::pack_version(3, 0, 0, 1);
constexpr std::string_view kServiceType = "/opendxl-tiara/service/tie";
// Reads that wait for the pool; beyond it error 8.
constexpr std::size_t kReadQueue = 65'536;
// One group's share of memory stays bounded, whatever has piled up.
constexpr std::size_t kCommandsPerCommit = 8'192;
constexpr std::size_t kDigestsPerRecord = 3;

}  // namespace

struct TieService::Impl final : DispatcherPorts, sdk::LinkEvents {
  Impl(TieServiceOptions given, std::unique_ptr<store::ReputationStore> a_store,
       sdk::Connector connector, base::Clock& a_clock, const std::string& client_id,
       std::string service_id)
      : options(std::move(given)),
        store(std::move(a_store)),
        clock(a_clock),
        cache(options.cached_records * kDigestsPerRecord),
        settings(options.settings),
        context{.settings = settings,
                .basis = {.server_version = kServerVersion,
                          .create_date = options.settings.create_date},
                .store = *store,
                .cache = cache},
        processor(context, *store, clock, counters),
        dispatcher(context, clock, counters, *this, options.is_administrator),
        writes(options.write_queue),
        reads(kReadQueue),
        link({.client_id = client_id, .name = "tie"}, std::move(connector), *this),
        host(link, std::move(service_id), {.service_type = std::string(kServiceType)},
             Dispatcher::request_topics()) {}

  // Network thread.
  void on_connected() override { host.on_connected(); }
  void on_disconnected(const dxl::Error& why) override {
    base::log(base::LogLevel::kWarning, "tie", "disconnected from the fabric: {}", why.message);
  }
  void on_message(std::string_view topic, const dxl::MessageView& message) override {
    dispatcher.on_message(topic, message);
  }
  void send(std::string_view topic, const dxl::MessageView& message) override {
    link.send(topic, message);
  }
  bool write(Command command) override { return writes.push(std::move(command)); }
  bool read(LookupCommand command) override { return reads.push(std::move(command)); }

  void start();
  void register_service();
  void run_writer();
  void run_reader();
  void stop();
  void set_registered(bool value);
  // Runs `task` on the network thread and waits for it.
  void run_on_link(const std::function<void()>& task);

  TieServiceOptions options;
  std::unique_ptr<store::ReputationStore> store;
  base::Clock& clock;
  Counters counters;
  RecordCache cache;
  LiveSettings settings;
  LookupContext context;
  CommandProcessor processor;  // writer thread
  Dispatcher dispatcher;       // network thread
  WorkQueue<Command> writes;
  WorkQueue<LookupCommand> reads;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool registered = false;

  std::thread writer;
  std::vector<std::thread> readers;
  sdk::Link link;  // network thread; before what uses it goes
  // All below: network thread.
  sdk::ServiceHost host;
  base::SystemRandom random;
  session::Backoff backoff{session::BackoffOptions{}};
  std::unique_ptr<net::Loop::Timer> retry;
};

void TieService::Impl::start() {
  writer = std::thread([this] { run_writer(); });
  for (std::size_t i = 0; i < options.read_threads; ++i)
    readers.emplace_back([this] { run_reader(); });
  link.post([this] {
    link.subscribe(tie::kTopicExternalReport, [](const dxl::Result<void>& suback) {
      if (!suback)
        base::log(base::LogLevel::kError, "tie", "External reports will not arrive: {}",
                  suback.error().message);
    });
    register_service();
  });
  link.start();
}

// The host tells its first answer only, so after a refusal it is asked again: somebody may be
// waiting for us to become ready.
void TieService::Impl::register_service() {
  host.start([this](const dxl::Result<void>& outcome) {
    set_registered(outcome.has_value());
    if (outcome || outcome.error().code == dxl::ErrorCode::kCancelled) return;
    base::log(base::LogLevel::kWarning, "tie", "not registered: {}", outcome.error().message);
    retry = link.loop().schedule(backoff.next(random), [this] { register_service(); });
  });
}

void TieService::Impl::set_registered(bool value) {
  {
    const std::lock_guard lock(mutex);
    registered = value;
  }
  changed.notify_all();
}

void TieService::Impl::run_writer() {
  while (true) {
    std::vector<Command> commands = writes.take(kCommandsPerCommit);
    if (commands.empty()) return;
    auto results = std::make_shared<std::vector<Completed>>(processor.process(std::move(commands)));
    link.post([this, results] { dispatcher.on_written(std::move(*results)); });
  }
}

void TieService::Impl::run_reader() {
  while (true) {
    std::vector<LookupCommand> commands = reads.take(1);
    if (commands.empty()) return;
    LookupCommand& command = commands.front();
    auto answer =
        answer_lookup(context, command.hashes, clock.epoch_seconds(), !command.agent.empty());
    auto done = std::make_shared<ReadDone>(
        ReadDone{.command = std::move(command), .answer = std::move(answer)});
    link.post([this, done] { dispatcher.on_read(std::move(*done)); });
  }
}

void TieService::Impl::run_on_link(const std::function<void()>& task) {
  std::promise<void> done;
  link.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

// Requests stop first, then everything that was taken in is done and answered.
void TieService::Impl::stop() {
  std::promise<void> unregistered;
  link.post([&] {
    retry.reset();
    host.stop([&unregistered] { unregistered.set_value(); });
  });
  unregistered.get_future().wait();
  // Readers first: what they finish may still have to be counted by the writer.
  reads.close();
  for (std::thread& reader : readers) reader.join();
  run_on_link([] {});
  writes.close();
  writer.join();
  run_on_link([] {});
  link.stop();
  set_registered(false);
}

dxl::Result<std::unique_ptr<TieService>> TieService::start(
    TieServiceOptions options, std::unique_ptr<store::ReputationStore> store,
    sdk::Connector connector, base::Clock& clock) {
  base::SystemRandom random;
  auto impl =
      std::make_unique<Impl>(std::move(options), std::move(store), std::move(connector), clock,
                             base::make_braced_uuid(random), base::make_braced_uuid(random));
  impl->start();
  return std::unique_ptr<TieService>(new TieService(std::move(impl)));
}

TieService::TieService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TieService::~TieService() { impl_->stop(); }

TieServiceStatus TieService::status() const {
  const Counters& counters = impl_->counters;
  TieServiceStatus status;
  status.lookups = counters.lookups;
  status.sets = counters.sets;
  status.change_events = counters.change_events;
  status.reports["accepted"] = counters.reports_accepted;
  status.reports["unchanged"] = counters.reports_unchanged;
  status.reports["unavailable"] = counters.reports_unavailable;
  for (std::size_t i = 0; i < Counters::kRefusals; ++i) {
    const auto name = tie::to_string(static_cast<tie::ReportRefusal>(i));
    status.reports["refused." + std::string(name)] = counters.reports_refused[i];
  }
  status.answer_times = counters.answer_times.snapshot();
  const std::lock_guard lock(impl_->mutex);
  status.ready = impl_->registered && impl_->link.connected() && impl_->counters.store_works;
  return status;
}

void TieService::set_settings(const reputation::Settings& settings) {
  impl_->settings.set(settings);
}

dxl::Result<void> TieService::wait_ready(std::chrono::milliseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  if (impl_->changed.wait_for(lock, timeout, [this] { return impl_->registered; })) return {};
  return dxl::fail(
      dxl::ErrorCode::kTimedOut,
      "the TIE service is not registered with the fabric: " + impl_->link.last_error().message);
}

}  // namespace tiara::service
