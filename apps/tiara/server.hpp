// Everything that `tiara up` runs, on one state directory.
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
#include "broker/broker.hpp"
#include "broker/control.hpp"
#include "broker/revocations.hpp"
#include "broker/run_directory.hpp"
#include "broker/state_directory.hpp"
#include "service/tie_service.hpp"
#include "tiara/back_up_job.hpp"
#include "tiara/credentials.hpp"
#include "tiara/known_clients.hpp"
#include "tiara/management_port.hpp"
#include "tiara/metrics.hpp"
#include "tiara/state.hpp"

namespace tiara::app {

// Everything that runs. Members are destroyed from the last to the first: control and management
// answer no more, the service commits and leaves, the broker closes, the state is free.
class Server {
 public:
  // On a state directory, made at the first start. Returns when everything listens.
  static dxl::Result<std::unique_ptr<Server>> start(const std::filesystem::path& directory,
                                                    SettingSources sources, bool with_service);
  ~Server();

  void log_ready() const;
  // "ready mqtts://… wss://… https://…"
  std::string ready_line() const;
  // Of certificates and CRLs that last 30 days or less.
  void warn_of_expiry() const;

  // Main thread and control thread. The order of two reloads is that of reading the files. All or
  // nothing: if one file is bad, what was in force stays.
  dxl::Result<std::string> reload();

  // Returns when every thread of the broker has answered.
  void probe() const;

 private:
  Server(broker::FileLock lock, std::optional<broker::FileLock> run_lock, State state,
         SettingSources sources, bool with_service);

  // Called at the start and under `reloading_`.
  dxl::Result<fabric::Policy> load_policy();

  // Keys, CAs, CRLs and the list of revoked certificates, from their files. What cannot be read
  // leaves everything as it was.
  dxl::Result<void> reload_credentials();

  void use_service_chain(std::vector<net::PeerCertificate> chain);
  dxl::Result<ListenerTls> load_credentials();

  // Of the service, for its next connection; the present one goes on with it, too.
  std::vector<net::PeerCertificate> current_chain() const;

  dxl::Result<std::string> refuse_reload(const dxl::Error& error);

  // Those of is_reloadable() in state_settings.cpp.
  void apply_settings(const StateSettings& settings);

  MetricsSnapshot metrics() const;

  dxl::Result<void> start_broker();
  dxl::Result<void> start_service();
  dxl::Result<void> start_management();
  dxl::Result<void> start_control();

  dxl::Result<std::string> answer(const std::string& command);

  std::vector<Expiry> expiries() const;

  broker::FileLock lock_;
  std::optional<broker::FileLock> run_lock_;  // of the service manager's directory
  State state_;
  const SettingSources sources_;  // above the file, at every reload
  mutable std::mutex certificates_mutex_;
  std::vector<Expiry> expiries_;
  std::vector<net::PeerCertificate> service_chain_;
  std::shared_ptr<const net::TlsContext> management_tls_;  // from loading to start_management()
  bool with_service_;
  base::SystemClock clock_;
  std::mutex reloading_;
  std::size_t topicauth_rules_ = 0;  // in force
  std::atomic<std::uint64_t> reloads_applied_{0}, reloads_failed_{0};
  KnownClients clients_;  // for the service
  std::shared_ptr<broker::Revocations> revocations_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<service::TieService> service_;
  std::unique_ptr<BackUpJob> back_ups_;  // of the service's store
  std::unique_ptr<ManagementPort> management_;
  // Its thread asks for metrics before start() has stored it.
  std::atomic<bool> management_started_{false};
  std::unique_ptr<broker::ControlServer> control_;
};

}  // namespace tiara::app
