// `tiara up`: broker and TIE service in one process, on one state directory.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "broker/broker.hpp"
#include "broker/control.hpp"
#include "broker/revocations.hpp"
#include "broker/topicauth_file.hpp"
#include "net/tls.hpp"
#include "service/tie_service.hpp"
#include "store/reputation_store.hpp"
#include "tiara/commands.hpp"
#include "tiara/credentials.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/management_port.hpp"
#include "tiara/state.hpp"
#include "tiara/status.hpp"
#include "tiara/waiting.hpp"

namespace tiara::app {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::chrono::seconds kServiceDeadline{30};
constexpr std::size_t kLoggedWarnings = 20;

// Of the policy files; a long file of mistakes does not fill the log.
void log_warnings(const std::vector<std::string>& warnings) {
  for (std::size_t i = 0; i < warnings.size() && i < kLoggedWarnings; ++i)
    base::log(LogLevel::kWarning, "up", "{}", warnings[i]);
  if (warnings.size() > kLoggedWarnings)
    base::log(LogLevel::kWarning, "up", "{} more warnings; `tiara auth list` prints them all",
              warnings.size() - kLoggedWarnings);
}
constexpr std::chrono::hours kExpiryCheck{24};

// A connection is a descriptor, and distributions start processes with 1,024 of them.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Everything that runs. Members are destroyed from the last to the first: control and management
// answer no more, the service commits and leaves, the broker closes, the state is free.
class Server {
 public:
  static dxl::Result<std::unique_ptr<Server>> start(const UpOptions& options) {
    const broker::StatePaths paths(options.state);
    if (auto fits = check_state_directory(paths.root); !fits) return dxl::fail(fits.error());
    if (auto made = broker::make_private_directory(paths.root); !made)
      return dxl::fail(made.error());
    auto lock = broker::FileLock::try_acquire(paths.lock);
    if (!lock) return dxl::fail(lock.error());
    // Of a process that was killed: nobody may take its port for ours.
    std::error_code ignored;
    std::filesystem::remove(paths.ports, ignored);
    auto state = create_or_open_state(paths);
    if (!state) return dxl::fail(state.error());
    std::unique_ptr<Server> server(
        new Server(std::move(*lock), std::move(*state), options.service));
    for (auto step : {&Server::start_broker, &Server::start_service, &Server::start_management,
                      &Server::start_control})
      if (auto done = (server.get()->*step)(options); !done) return dxl::fail(done.error());
    return server;
  }

  ~Server() {
    if (revocations_) revocations_->set_listener(nullptr);
    std::error_code ignored;
    std::filesystem::remove(state_.paths.ports, ignored);
  }

  void log_ready() const {
    base::log(LogLevel::kInfo, "up",
              "broker {} on {} listens on ports {}, {} (WebSockets) and {} (management), {} TIE "
              "service",
              state_.broker_id, state_.paths.root.string(), broker_->port(),
              broker_->web_socket_port(), management_->port(), with_service_ ? "with" : "without");
  }

  std::string ready_line(const UpOptions& options) const {
    std::string host = options.listen.empty() ? "127.0.0.1" : options.listen.front();
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    return fmt::format("ready mqtts://{0}:{1} wss://{0}:{2} https://{0}:{3}", host, broker_->port(),
                       broker_->web_socket_port(), management_->port());
  }

  void warn_of_expiry() const { log_expiries(expiries()); }

  // Main thread and control thread. The order of two reloads is that of reading the file.
  dxl::Result<std::string> reload() {
    const std::lock_guard guard(reloading_);
    auto policy = load_policy();
    if (!policy) {
      base::log(LogLevel::kError, "up", "policy not reloaded, the old one stays: {}",
                policy.error().message);
      return dxl::fail(policy.error());
    }
    if (auto done = reload_credentials(); !done) return dxl::fail(done.error());
    const std::size_t members = policy->members.size(), rules = policy->rules.size();
    fabric::Authorization authorization(std::move(*policy));
    broker_->set_authorization(authorization);
    remember(std::move(authorization));
    return fmt::format("{{\"members\":{},\"rules\":{}}}", members, rules);
  }

 private:
  Server(broker::FileLock lock, State state, bool with_service)
      : lock_(std::move(lock)), state_(std::move(state)), with_service_(with_service) {}

  // Called at the start and under `reloading_`.
  dxl::Result<fabric::Policy> load_policy() {
    auto loaded = broker::load_policies(state_.paths);
    if (!loaded) return dxl::fail(loaded.error());
    log_warnings(loaded->warnings);
    if (loaded->topicauth_rules == 0 && topicauth_rules_ > 0)
      base::log(LogLevel::kWarning, "up", "{}: its {} topic rules are gone",
                state_.paths.topicauth.string(), topicauth_rules_);
    topicauth_rules_ = loaded->topicauth_rules;
    loaded->policy.service_side = with_service_;
    return std::move(loaded->policy);
  }

  // Keys, CAs, CRLs and the list of revoked certificates, from their files. What cannot be read
  // leaves everything as it was.
  dxl::Result<void> reload_credentials() {
    auto tls = load_credentials();
    if (!tls) {
      base::log(LogLevel::kError, "up", "certificates not reloaded, the old ones stay: {}",
                tls.error().message);
      return dxl::fail(tls.error());
    }
    broker_->set_tls(*tls);
    if (!with_service_) return {};
    auto chain = service_chain(state_);
    if (!chain) return dxl::fail(chain.error());
    const std::lock_guard guard(certificates_mutex_);
    service_chain_ = *std::move(chain);
    return {};
  }

  dxl::Result<std::shared_ptr<const net::TlsContext>> load_credentials() {
    auto tls = load_tls(state_, revocations_);
    if (!tls) return tls;
    if (auto done = revocations_->reload(revoked_serials(**tls)); !done)
      return dxl::fail(done.error());
    auto expiries = find_expiries(state_, **tls);
    const std::lock_guard guard(certificates_mutex_);
    expiries_ = std::move(expiries);
    return tls;
  }

  // Of the service, for its next connection.
  std::vector<net::PeerCertificate> current_chain() const {
    const std::lock_guard guard(certificates_mutex_);
    return service_chain_;
  }

  dxl::Result<void> start_broker(const UpOptions& options) {
    auto policy = load_policy();
    if (!policy) return dxl::fail(policy.error());
    auto revocations =
        broker::Revocations::open(state_.paths.revocations, state_.paths.keystore_lock);
    if (!revocations) return dxl::fail(unusable(revocations.error(), state_.paths.keystore));
    revocations_ = std::move(*revocations);
    auto tls = load_credentials();
    if (!tls) return dxl::fail(unusable(tls.error(), state_.paths.keystore));
    broker::BrokerOptions broker_options;
    broker_options.broker_id = state_.broker_id;
    if (!options.listen.empty()) broker_options.listen_addresses = options.listen;
    const StateSettings& settings = state_.settings;
    broker_options.port = options.port.value_or(settings.port);
    broker_options.web_socket_port = options.web_socket_port.value_or(settings.web_socket_port);
    broker_options.threads = options.threads.value_or(settings.threads);
    broker_options.service_zones = settings.service_zones;
    broker_options.send_connect_events = settings.send_connect_events;
    broker_options.test_mode = settings.test_mode;
    broker_options.limits = settings.limits;
    broker_options.tls = std::move(*tls);
    broker_options.revocations = revocations_->list();
    broker_options.on_revocation = [list = revocations_.get()](std::vector<std::string> revoked) {
      list->add(std::move(revoked));
    };
    fabric::Authorization authorization(std::move(*policy));
    remember(authorization);
    auto started = broker::Broker::start(std::move(broker_options), std::move(authorization));
    if (!started) return dxl::fail(started.error());
    broker_ = std::move(*started);
    revocations_->set_listener(
        [this](const fabric::RevocationList& list) { broker_->set_revocations(list); });
    return refresh_admin_client(state_, broker_->port(), broker_->web_socket_port());
  }

  dxl::Result<void> start_service(const UpOptions&) {
    if (!with_service_) return {};
    auto chain = service_chain(state_);
    if (!chain) return dxl::fail(chain.error());
    service_chain_ = *std::move(chain);
    store::RocksOptions rocks;
    rocks.directory = state_.paths.store;
    auto opened = store::open_rocks_store(rocks);
    if (!opened) return dxl::fail(opened.error());
    service::TieServiceOptions service_options;
    service_options.settings = state_.settings.reputation;
    service_options.is_administrator = [this](std::string_view sha1) {
      return is_administrator(sha1);
    };
    auto started = service::TieService::start(
        std::move(service_options), std::move(*opened),
        [this](net::Loop& loop, std::chrono::milliseconds, auto done) {
          done(broker_->attach_service(loop, current_chain()));
        },
        clock_);
    if (!started) return dxl::fail(started.error());
    service_ = std::move(*started);
    return service_->wait_ready(kServiceDeadline);
  }

  dxl::Result<void> start_management(const UpOptions& options) {
    ManagementPortOptions port_options;
    port_options.listen = options.listen;
    port_options.port = options.https_port.value_or(state_.settings.https_port);
    port_options.broker_port = broker_->port();
    port_options.web_socket_port = broker_->web_socket_port();
    port_options.find_problem = [this]() -> std::optional<std::string> {
      if (!service_ || service_->status().ready) return std::nullopt;
      return "the TIE service is not attached to the broker, or its last commit failed";
    };
    port_options.metrics = [this] {
      return status_metrics(broker_->status(),
                            service_ ? std::optional(service_->status()) : std::nullopt);
    };
    auto started = ManagementPort::start(state_, std::move(port_options));
    if (!started) return dxl::fail(std::move(started).error());
    management_ = *std::move(started);
    return {};
  }

  dxl::Result<void> start_control(const UpOptions&) {
    if (auto made = broker::make_private_directory(state_.paths.run); !made) return made;
    auto started = broker::ControlServer::start(
        state_.paths.control, [this](const std::string& command) { return answer(command); });
    if (!started) return dxl::fail(started.error());
    control_ = std::move(*started);
    // Once more: a member that was added since the broker read the file found nobody to tell.
    if (auto reloaded = reload(); !reloaded) return dxl::fail(reloaded.error());
    return broker::write_ports(state_.paths,
                               {broker_->port(), broker_->web_socket_port(), management_->port()});
  }

  void remember(fabric::Authorization authorization) {
    const std::lock_guard guard(authorization_mutex_);
    authorization_ = std::move(authorization);
  }

  // The service's network thread.
  bool is_administrator(std::string_view certificate_sha1) const {
    fabric::Identity identity;
    identity.chain.push_back({.sha1 = std::string(certificate_sha1), .sha256 = {}});
    const std::lock_guard guard(authorization_mutex_);
    return authorization_.is_member(identity, fabric::kGroupAdministrators);
  }

  dxl::Result<std::string> answer(const std::string& command) {
    if (command == "reload") return reload();
    if (command == "status")
      return status_json(state_.broker_id, broker_->status(),
                         service_ ? std::optional(service_->status()) : std::nullopt,
                         {revocations_->list().size(), expiries()});
    return dxl::fail(ErrorCode::kInvalidArgument, "unknown command; known are reload, status");
  }

  std::vector<Expiry> expiries() const {
    const std::lock_guard guard(certificates_mutex_);
    return expiries_;
  }

  broker::FileLock lock_;
  State state_;
  mutable std::mutex certificates_mutex_;
  std::vector<Expiry> expiries_;
  std::vector<net::PeerCertificate> service_chain_;
  bool with_service_;
  base::SystemClock clock_;
  std::mutex reloading_;
  std::size_t topicauth_rules_ = 0;  // in force
  mutable std::mutex authorization_mutex_;
  fabric::Authorization authorization_{fabric::Policy{}};  // what the broker uses, for the service
  std::shared_ptr<broker::Revocations> revocations_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<service::TieService> service_;
  std::unique_ptr<ManagementPort> management_;
  std::unique_ptr<broker::ControlServer> control_;
};

// Until it is told to stop.
void serve(Waiting& waiting, Server& server) {
  while (true) {
    switch (waiting.wait(std::chrono::steady_clock::now() + kExpiryCheck)) {
      case Waiting::Wake::kReload: {
        // A failure is logged, and what is in force stays.
        [[maybe_unused]] const auto reloaded = server.reload();
        server.warn_of_expiry();
        break;
      }
      case Waiting::Wake::kTimedOut:
        server.warn_of_expiry();
        break;
      case Waiting::Wake::kStop:
      case Waiting::Wake::kCalled:
        return;
    }
  }
}

int start_failure(const dxl::Error& error) {
  if (error.code == ErrorCode::kInUse)
    return report({error.code, error.message + "; is `tiara up` running on this state already?"});
  return report(error);
}

}  // namespace

int run_up(const UpOptions& options) {
  ::umask(077);
  raise_descriptor_limit();
  const auto waiting = Waiting::create();
  if (!waiting) return report(waiting.error());
  base::start_log(LogLevel::kInfo);
  int code = kExitOk;
  {
    auto server = Server::start(options);
    if (!server) {
      code = start_failure(server.error());
    } else {
      (*server)->log_ready();
      (*server)->warn_of_expiry();
      fmt::print("{}\n", (*server)->ready_line(options));
      std::fflush(stdout);
      serve(**waiting, **server);
      base::log(LogLevel::kInfo, "up", "stopping");
    }
  }
  return code;
}

}  // namespace tiara::app
