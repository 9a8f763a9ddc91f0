// The TIE reputation service: topic handlers around the engine and the store (TIE reference §3, §6,
// §12.2).
//
// Threads: messages arrive on the link's network thread, where cache hits are answered; one writer
// thread owns every mutation of the store; a small pool reads records that are not cached.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "dxl/result.hpp"
#include "reputation/engine.hpp"
#include "sdk/link.hpp"
#include "service/histogram.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

struct TieServiceOptions {
  reputation::Settings settings;
  std::size_t write_queue = 65'536;      // commands waiting for the writer; beyond it error 8
  std::size_t cached_records = 262'144;  // hot records in memory
  std::size_t read_threads = 2;
  // Whether a certificate (SHA-1) belongs to an administrator, who may ask for the outcome of
  // anybody's report. Called on the network thread; empty: nobody does.
  std::function<bool(std::string_view certificate)> is_administrator{};
};

// Counters since start, for the status answer and the log.
struct TieServiceStatus {
  std::uint64_t lookups = 0;
  std::uint64_t sets = 0;
  std::uint64_t change_events = 0;
  std::map<std::string, std::uint64_t>
      reports;  // by outcome: "accepted", "unchanged", "refused.level", …
  Histogram::Snapshot answer_times{};
  bool ready = false;  // registered, connected, and the last commit worked
};

class TieService {
 public:
  // Owns the store. `connector` attaches it to a fabric; `clock` must outlive it.
  static dxl::Result<std::unique_ptr<TieService>> start(
      TieServiceOptions options, std::unique_ptr<store::ReputationStore> store,
      sdk::Connector connector, base::Clock& clock);
  // Unregisters, commits what is queued, answers it, stops.
  ~TieService();
  TieServiceStatus status() const;
  // From the next decision on; create_date stays as it was at start. Any thread.
  void set_settings(const reputation::Settings& settings);
  // Blocks until registered with the fabric or the deadline.
  dxl::Result<void> wait_ready(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit TieService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::service
