// The part of the service there is once per store: cache, writer, readers, housekeeping. Front-ends
// (front_end.hpp) hand it commands and queries and get results back.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/ports.hpp"
#include "service/access.hpp"
#include "service/command_processor.hpp"
#include "service/counters.hpp"
#include "service/dispatcher.hpp"
#include "service/housekeeping.hpp"
#include "service/live_settings.hpp"
#include "service/lookup.hpp"
#include "service/work_queue.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

struct CoreOptions {
  reputation::Settings settings;
  std::size_t write_queue = 65'536;      // commands waiting for the writer; beyond it error 8
  std::size_t cached_digests = 262'144;  // whose record is kept in memory
  std::size_t read_threads = 2;          // for what is not cached
  AccessOptions access{};
  HousekeepingTimes housekeeping{};
};

class ServiceCore {
 public:
  // How results get back to a front-end. Called on the core's threads.
  struct FrontEndPorts {
    std::function<void(std::vector<Completed>)> written;
    std::function<void(std::vector<ReadDone>)> read;
  };

  ServiceCore(CoreOptions options, std::unique_ptr<store::ReputationStore> store,
              base::Clock& clock);
  ~ServiceCore();  // stop() must have been called if start() was

  // Before start().
  Origin add_front_end(FrontEndPorts ports);
  void start();
  // No more queries; what was taken in is read and handed back. Then no more commands; the same.
  // Front-ends must still take results.
  void stop_readers();
  void stop_writer();

  bool write(Origin origin, Command command);
  bool read(Origin origin, ReadTask task);

  const LookupContext& context() const { return context_; }
  const Access& access() const { return access_; }
  const Counters& counters() const { return counters_; }
  base::Clock& clock() { return clock_; }
  const store::ReputationStore& store() const { return *store_; }
  store::ReputationStore& store() { return *store_; }
  void set_settings(const reputation::Settings& settings) { settings_.set(settings); }
  std::size_t waiting_writes() const { return writes_.size(); }
  std::size_t waiting_reads() const { return reads_.size() + slow_reads_.size(); }

 private:
  struct Asked {
    ReadTask task;
    Origin origin = 0;
  };

  void run_writer();
  // Takes up to `most` queries at a time, which are answered together.
  void run_reader(WorkQueue<Asked>& queue, std::size_t most);

  CoreOptions options_;
  std::unique_ptr<store::ReputationStore> store_;
  base::Clock& clock_;
  Counters counters_;
  RecordCache cache_;
  LiveSettings settings_;
  LookupContext context_;
  Access access_;
  CommandProcessor processor_;  // writer thread
  WorkQueue<Submitted> writes_;
  WorkQueue<Asked> reads_, slow_reads_;
  std::vector<FrontEndPorts> front_ends_;
  std::thread writer_;
  std::vector<std::thread> readers_;
  std::unique_ptr<Housekeeping> housekeeping_;
};

}  // namespace tiara::service
