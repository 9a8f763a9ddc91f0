// Everything that `tiara server` runs: the TIE service alone, beside any fabric.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "broker/control.hpp"
#include "broker/state_directory.hpp"
#include "sdk/link.hpp"
#include "service/tie_service.hpp"
#include "tiara/back_up_job.hpp"
#include "tiara/credentials.hpp"
#include "tiara/known_clients.hpp"
#include "tiara/metrics.hpp"
#include "tiara/tie_server_settings.hpp"

namespace tiara::app {

// Members are destroyed from the last to the first: the control socket answers no more, a back-up
// ends, the service commits and leaves, the state is free.
class TieServer {
 public:
  // Returns when the service is registered with its fabric. `file`: its tiara.toml.
  static dxl::Result<std::unique_ptr<TieServer>> start(const std::filesystem::path& file,
                                                       SettingSources sources);
  // Reads everything that start() reads, and starts nothing.
  static dxl::Result<void> check(const std::filesystem::path& file, const SettingSources& sources);

  std::string ready_line() const;  // "ready tie STORE_ID"
  void warn_of_expiry() const;
  // Main thread and control thread. All or nothing, as of Server.
  dxl::Result<std::string> reload();
  void probe() const { [[maybe_unused]] const auto status = service_->status(); }

 private:
  struct Fabric;  // the client's configuration and certificates as they were read

  TieServer(LoadedTieServer loaded, std::filesystem::path file, SettingSources sources);
  dxl::Result<void> take_state();
  dxl::Result<void> start_service();
  dxl::Result<void> start_control();
  static dxl::Result<Fabric> load_fabric(const LoadedTieServer& server);
  static dxl::Result<fabric::Policy> load_members(const std::filesystem::path& file);
  void use_fabric(Fabric fabric);
  std::vector<Expiry> expiries() const;
  MetricsSnapshot metrics() const;
  dxl::Result<std::string> answer(const std::string& command);

  const std::filesystem::path file_;
  const SettingSources sources_;
  LoadedTieServer loaded_;
  broker::StatePaths paths_;
  std::optional<broker::FileLock> lock_, run_lock_;
  base::SystemClock clock_;
  mutable std::mutex fabric_mutex_;
  std::shared_ptr<const std::vector<sdk::Connector>> connectors_;  // of the next connections
  std::vector<Expiry> expiries_;
  std::size_t addresses_ = 1;  // at start
  std::mutex reloading_;
  std::atomic<std::uint64_t> reloads_applied_{0}, reloads_failed_{0};
  KnownClients clients_;
  std::unique_ptr<service::TieService> service_;
  std::unique_ptr<BackUpJob> back_ups_;
  std::unique_ptr<broker::ControlServer> control_;
};

}  // namespace tiara::app
