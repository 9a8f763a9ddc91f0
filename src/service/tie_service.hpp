// The TIE reputation service: topic handlers around the engine and the store (TIE reference §3, §6,
// §12.2).
//
// Threads: messages arrive on each front-end's network thread, where cached answers are given; one
// writer thread owns every mutation of the store; a few readers answer what is not cached, one more
// what may take long; one looks for what has aged.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/histogram.hpp"
#include "base/ports.hpp"
#include "dxl/result.hpp"
#include "reputation/settings.hpp"
#include "sdk/link.hpp"
#include "service/other_services.hpp"
#include "service/service_core.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

using TieServiceOptions = CoreOptions;

// Counters since start, for the status answer, metrics and the log.
struct TieServiceStatus {
  std::uint64_t lookups = 0;       // of files
  std::uint64_t cert_lookups = 0;  // of certificates
  std::uint64_t cache_hits = 0;
  std::uint64_t queries = 0;  // everything else that was asked
  std::uint64_t sets = 0;
  std::uint64_t batch_sets = 0;
  std::uint64_t metadata = 0;
  std::uint64_t change_events = 0;
  std::uint64_t purged = 0;
  std::uint64_t uncounted_lookups = 0;
  std::uint64_t digest_conflicts = 0;
  std::map<std::string, std::uint64_t>
      reports;  // External, by outcome: "accepted", "unchanged", "refused.level", …
  std::map<std::string, std::uint64_t> sandbox_reports;  // "accepted", "refused"
  std::map<std::string, std::uint64_t> events;           // by kind: "change", "detection", …
  std::map<std::uint32_t, std::uint64_t> errors;         // by service error code
  // Lookups by (source, verdict), as verdict_name() has them.
  std::map<std::pair<std::string, std::string>, std::uint64_t> verdicts;
  base::Histogram::Snapshot answer_times{}, commit_times{}, read_times{};
  std::size_t waiting_writes = 0, waiting_reads = 0;
  std::uint64_t enterprise_size = 0;
  store::AuditHead audit{};
  std::string store_id{};
  std::vector<OtherService> other_services{};
  bool ready = false;  // registered, connected, and the last commit worked
};

class TieService {
 public:
  // Owns the store. `connector` attaches it to a fabric; `clock` must outlive it.
  static dxl::Result<std::unique_ptr<TieService>> start(
      TieServiceOptions options, std::unique_ptr<store::ReputationStore> store,
      sdk::Connector connector, base::Clock& clock);
  // The same with a front-end per connector, all on one store (L16). `addresses`: of each link.
  static dxl::Result<std::unique_ptr<TieService>> start(
      TieServiceOptions options, std::unique_ptr<store::ReputationStore> store,
      std::vector<sdk::Connector> connectors, std::size_t addresses, base::Clock& clock);
  // Unregisters, commits what is queued, answers it, stops.
  ~TieService();
  TieServiceStatus status() const;
  // From the next decision on; create_date stays as it was at start. Any thread.
  void set_settings(const reputation::Settings& settings);
  // Blocks until registered with the fabric or the deadline. Then the error is why there is no
  // connection (kConnect, kTls, …), or kTimedOut: there is one.
  dxl::Result<void> wait_ready(std::chrono::milliseconds timeout);
  // ReputationStore::back_up(). Any thread.
  dxl::Result<void> back_up(const std::filesystem::path& directory);

 private:
  struct Impl;
  explicit TieService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::service
