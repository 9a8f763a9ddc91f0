#include "service/service_core.hpp"

#include <utility>

#include "base/kill_point.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

// Clients test for 3.0.0 before they use External reputations (TIE reference §5.5).
const std::uint64_t kServerVersion = tie::pack_version(3, 0, 0, 1);
// Reads that wait; beyond it error 8.
constexpr std::size_t kReadQueue = 65'536;
constexpr std::size_t kSlowReadQueue = 4'096;
// One group's share of memory stays bounded, whatever has piled up.
constexpr std::size_t kCommandsPerCommit = 8'192;
// One reader's share of the queries that wait: few, so that another reader takes the rest.
constexpr std::size_t kReadsAtOnce = 16;

}  // namespace

ServiceCore::ServiceCore(CoreOptions options, std::unique_ptr<store::ReputationStore> store,
                         base::Clock& clock)
    : options_(std::move(options)),
      store_(std::move(store)),
      clock_(clock),
      cache_(options_.cached_digests),
      settings_(options_.settings),
      context_{
          .settings = settings_,
          .basis = {.server_version = kServerVersion, .create_date = options_.settings.create_date},
          .store = *store_,
          .cache = cache_,
          .counters = counters_},
      access_(options_.access),
      processor_(context_, *store_, clock),
      writes_(options_.write_queue),
      reads_(kReadQueue),
      slow_reads_(kSlowReadQueue) {}

ServiceCore::~ServiceCore() = default;

Origin ServiceCore::add_front_end(FrontEndPorts ports) {
  front_ends_.push_back(std::move(ports));
  return front_ends_.size() - 1;
}

void ServiceCore::start() {
  writer_ = std::thread([this] { run_writer(); });
  for (std::size_t i = 0; i < options_.read_threads; ++i)
    readers_.emplace_back([this] { run_reader(reads_, kReadsAtOnce); });
  readers_.emplace_back([this] { run_reader(slow_reads_, 1); });
#ifdef TIARA_CRASH_HOOKS
  options_.housekeeping = {.first = std::chrono::milliseconds(300),
                           .every = std::chrono::seconds(1)};
#endif
  // Its events go out by way of the first front-end.
  housekeeping_ = std::make_unique<Housekeeping>(
      context_, clock_, [this](AgeCommand command) { return write(0, std::move(command)); },
      options_.housekeeping);
}

void ServiceCore::stop_readers() {
  housekeeping_.reset();
  reads_.close();
  slow_reads_.close();
  for (std::thread& reader : readers_) reader.join();
  readers_.clear();
}

void ServiceCore::stop_writer() {
  writes_.close();
  writer_.join();
}

bool ServiceCore::write(Origin origin, Command command) {
  return writes_.push({.command = std::move(command), .origin = origin});
}

bool ServiceCore::read(Origin origin, ReadTask task) {
  WorkQueue<Asked>& queue = is_slow(task.query) ? slow_reads_ : reads_;
  return queue.push({.task = std::move(task), .origin = origin});
}

void ServiceCore::run_writer() {
  while (true) {
    std::vector<Submitted> commands = writes_.take(kCommandsPerCommit);
    if (commands.empty()) return;
    TIARA_KILL_POINT("service.group.taken");
    std::vector<std::vector<Completed>> by_origin(front_ends_.size());
    for (Completed& completed : processor_.process(std::move(commands)))
      by_origin[completed.origin].push_back(std::move(completed));
    for (Origin origin = 0; origin < by_origin.size(); ++origin)
      if (!by_origin[origin].empty()) front_ends_[origin].written(std::move(by_origin[origin]));
  }
}

void ServiceCore::run_reader(WorkQueue<Asked>& queue, std::size_t most) {
  while (true) {
    std::vector<Asked> asked = queue.take(most);
    if (asked.empty()) return;
    std::vector<std::vector<ReadDone>> by_origin(front_ends_.size());
    for (Asked& one : asked) {
      const base::SteadyTime began = clock_.now();
      auto text = answer(context_, one.task.query, clock_.epoch_seconds());
      counters_.read_times.add(clock_.now() - began);
      by_origin[one.origin].push_back({.task = std::move(one.task), .answer = std::move(text)});
    }
    for (Origin origin = 0; origin < by_origin.size(); ++origin)
      if (!by_origin[origin].empty()) front_ends_[origin].read(std::move(by_origin[origin]));
  }
}

}  // namespace tiara::service
