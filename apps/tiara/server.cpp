#include "tiara/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "broker/credential_files.hpp"
#include "broker/topicauth_file.hpp"
#include "store/reputation_store.hpp"
#include "tiara/status.hpp"
#include "tiara/store_mark.hpp"

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

// Names only. A key in the keystore comes before one that is handed over.
dxl::Result<void> log_credentials(const broker::StatePaths& paths) {
  const auto names = broker::check_credentials();
  if (!names) return dxl::fail(names.error());
  for (const std::string& name : *names) {
    if (const auto own = paths.keystore / name; broker::is_there(own))
      base::log(LogLevel::kWarning, "up", "the credential {} is not used, because {} is there",
                name, own.string());
    else
      base::log(LogLevel::kInfo, "up", "the credential {} is used", name);
  }
  return {};
}

}  // namespace

dxl::Result<std::unique_ptr<Server>> Server::start(const std::filesystem::path& directory,
                                                   SettingSources sources, bool with_service) {
  const broker::StatePaths paths(directory);
  if (auto fits = check_state_directory(paths.root); !fits) return dxl::fail(fits.error());
  if (auto made = broker::make_private_directory(paths.root); !made) return dxl::fail(made.error());
  auto lock = broker::FileLock::try_acquire(paths.lock);
  if (!lock) return dxl::fail(lock.error());
  auto run_lock = broker::prepare_run_directory(paths);
  if (!run_lock) return dxl::fail(run_lock.error());
  if (auto checked = log_credentials(paths); !checked) return dxl::fail(checked.error());
  auto state = create_or_open_state(paths, sources);
  if (!state) return dxl::fail(state.error());
  use_log_settings(state->settings.log);
  std::unique_ptr<Server> server(new Server(std::move(*lock), *std::move(run_lock),
                                            std::move(*state), std::move(sources), with_service));
  for (auto step : {&Server::start_broker, &Server::start_service, &Server::start_management,
                    &Server::start_control})
    if (auto done = (server.get()->*step)(); !done) return dxl::fail(done.error());
  return server;
}

Server::~Server() {
  if (revocations_) revocations_->set_listener(nullptr);
  std::error_code ignored;
  std::filesystem::remove(state_.paths.ports, ignored);
}

void Server::log_ready() const {
  base::log_event(
      LogLevel::kInfo, "up", "server.ready", "", {{"broker", state_.broker_id}},
      fmt::format("broker {} on {} listens on ports {}, {} (WebSockets) and {} (management), {} "
                  "TIE service",
                  state_.broker_id, state_.paths.root.string(), broker_->port(),
                  broker_->web_socket_port(), management_->port(),
                  with_service_ ? "with" : "without"));
  if (!with_service_)
    base::log(
        LogLevel::kWarning, "up",
        "no TIE service here: any client may serve the TIE topics and send TIE events, unless "
        "topic rules keep them for the group \"{}\" (docs/authorization.md)",
        dxl::kGroupTieServer);
}

std::string Server::ready_line() const {
  std::string host = state_.settings.listen_addresses.front();
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("ready mqtts://{0}:{1} wss://{0}:{2} https://{0}:{3}", host, broker_->port(),
                     broker_->web_socket_port(), management_->port());
}

void Server::warn_of_expiry() const { log_expiries(expiries()); }

dxl::Result<std::string> Server::reload() {
  const std::lock_guard guard(reloading_);
  if (auto done = finish_interrupted(state_.paths); !done) return refuse_reload(done.error());
  auto policy = load_policy();
  if (!policy) return refuse_reload(policy.error());
  auto loaded = load_state_settings(state_.paths.config, sources_);
  if (!loaded) return refuse_reload(loaded.error());
  if (auto done = reload_credentials(); !done) return refuse_reload(done.error());
  const SettingChanges changes = take_changes(state_.values, loaded->values);
  if (!changes.applied.empty()) apply_settings(loaded->settings);
  log_changes(changes, state_.values);
  const std::size_t members = policy->members.size(), rules = policy->rules.size();
  fabric::Authorization authorization(std::move(*policy));
  // The service first: whom the broker lets through has the group there, too.
  clients_.set_authorization(authorization);
  broker_->set_authorization(std::move(authorization));
  ++reloads_applied_;
  warn_of_expiry();
  return fmt::format(
      "{{\"members\":{},\"rules\":{},\"applied\":{},\"restart\":{},\"warnings\":{}}}", members,
      rules, json_array(changes.applied), json_array(changes.restart),
      json_array(expiry_warnings(expiries())));
}

void Server::probe() const { [[maybe_unused]] const auto status = broker_->status(); }

Server::Server(broker::FileLock lock, std::optional<broker::FileLock> run_lock, State state,
               SettingSources sources, bool with_service)
    : lock_(std::move(lock)),
      run_lock_(std::move(run_lock)),
      state_(std::move(state)),
      sources_(std::move(sources)),
      with_service_(with_service) {}

dxl::Result<fabric::Policy> Server::load_policy() {
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

dxl::Result<void> Server::reload_credentials() {
  auto chain = with_service_ ? service_chain(state_) : std::vector<net::PeerCertificate>();
  auto tls = chain ? load_credentials() : dxl::fail(chain.error());
  if (!tls) {
    base::log(LogLevel::kError, "up", "certificates not reloaded, the old ones stay: {}",
              tls.error().message);
    return dxl::fail(tls.error());
  }
  broker_->set_tls(std::move(tls->fabric));
  management_->set_tls(std::move(tls->management));
  if (with_service_) use_service_chain(*std::move(chain));
  return {};
}

// For connections that follow, and for the one that is there.
void Server::use_service_chain(std::vector<net::PeerCertificate> chain) {
  {
    const std::lock_guard guard(certificates_mutex_);
    if (chain == service_chain_) return;
    service_chain_ = chain;
  }
  broker_->set_service_chain(chain);
  base::log(LogLevel::kInfo, "up", "the TIE service goes on with the certificate {}",
            chain.back().sha1);
}

dxl::Result<ListenerTls> Server::load_credentials() {
  auto tls = load_tls(state_, revocations_);
  if (!tls) return tls;
  if (auto done = revocations_->reload(revoked_serials(*tls->fabric)); !done)
    return dxl::fail(done.error());
  auto expiries = find_expiries(state_, *tls->fabric);
  const std::lock_guard guard(certificates_mutex_);
  expiries_ = std::move(expiries);
  return tls;
}

std::vector<net::PeerCertificate> Server::current_chain() const {
  const std::lock_guard guard(certificates_mutex_);
  return service_chain_;
}

dxl::Result<std::string> Server::refuse_reload(const dxl::Error& error) {
  ++reloads_failed_;
  log_refused_reload(error);
  return dxl::fail(error);
}

void Server::apply_settings(const StateSettings& settings) {
  use_log_settings(settings.log);
  broker_->reconfigure({settings.limits, settings.send_connect_events, settings.test_mode});
  if (service_) service_->set_settings(settings.reputation);
}

dxl::Result<void> Server::start_broker() {
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
  const StateSettings& settings = state_.settings;
  broker_options.listen_addresses = settings.listen_addresses;
  broker_options.port = settings.port;
  broker_options.web_socket_port = settings.web_socket_port;
  broker_options.threads = settings.threads;
  broker_options.service_zones = settings.service_zones;
  broker_options.send_connect_events = settings.send_connect_events;
  broker_options.test_mode = settings.test_mode;
  broker_options.limits = settings.limits;
  broker_options.message_sample = settings.message_sample;
  broker_options.tls = std::move(tls->fabric);
  management_tls_ = std::move(tls->management);
  broker_options.revocations = revocations_->list();
  broker_options.on_revocation = [list = revocations_.get()](std::vector<std::string> revoked) {
    list->add(std::move(revoked));
  };
  broker_options.on_client = [this](const fabric::Identity& identity) { clients_.add(identity); };
  fabric::Authorization authorization(std::move(*policy));
  clients_.set_authorization(authorization);
  auto started = broker::Broker::start(std::move(broker_options), std::move(authorization));
  if (!started) return dxl::fail(started.error());
  broker_ = std::move(*started);
  revocations_->set_listener(
      [this](const fabric::RevocationList& list) { broker_->set_revocations(list); });
  return refresh_admin_client(state_, broker_->port(), broker_->web_socket_port());
}

dxl::Result<void> Server::start_service() {
  if (!with_service_) return {};
  auto chain = service_chain(state_);
  if (!chain) return dxl::fail(chain.error());
  service_chain_ = *std::move(chain);
  store::RocksOptions rocks;
  rocks.directory = state_.paths.store;
  rocks.block_cache_bytes = block_cache_bytes(state_.settings.store);
  auto opened = store::open_rocks_store(rocks);
  if (!opened) return dxl::fail(opened.error());
  if (auto marked = mark_store(store_mark(state_.paths.root), (*opened)->id()); !marked)
    return marked;
  service::TieServiceOptions service_options;
  service_options.settings = state_.settings.reputation;
  service_options.cached_digests = state_.settings.store.cached_digests;
  service_options.access.is_member = [this](std::string_view sha1, std::string_view group) {
    return clients_.is_member(sha1, group);
  };
  service_options.access.describe = [this](std::string_view sha1) {
    return clients_.describe(sha1);
  };
  auto started = service::TieService::start(
      std::move(service_options), std::move(*opened),
      [this](net::Loop& loop, std::chrono::milliseconds, auto done) {
        done(broker_->attach_service(loop, current_chain()));
        return std::string("in-process");
      },
      clock_);
  if (!started) return dxl::fail(started.error());
  service_ = std::move(*started);
  back_ups_ = std::make_unique<BackUpJob>(
      [this](const std::filesystem::path& directory) { return service_->back_up(directory); });
  return service_->wait_ready(kServiceDeadline);
}

dxl::Result<void> Server::start_management() {
  ManagementPortOptions port_options;
  port_options.tls = std::move(management_tls_);
  port_options.listen = state_.settings.listen_addresses;
  port_options.port = state_.settings.https_port;
  port_options.broker_port = broker_->port();
  port_options.web_socket_port = broker_->web_socket_port();
  port_options.find_problem = [this]() -> std::optional<std::string> {
    if (!service_ || service_->status().ready) return std::nullopt;
    return "the TIE service is not attached to the broker, or its last commit failed";
  };
  port_options.find_notes = [this] {
    return service_ ? notes_of(service_->status()) : std::vector<std::string>();
  };
  port_options.metrics = [this] { return metrics_text(metrics()); };
  auto started = ManagementPort::start(state_, std::move(port_options));
  if (!started) return dxl::fail(std::move(started).error());
  management_ = *std::move(started);
  management_started_ = true;
  return {};
}

dxl::Result<void> Server::start_control() {
  auto started = broker::ControlServer::start(
      state_.paths.control, [this](const std::string& command) { return answer(command); });
  if (!started) return dxl::fail(started.error());
  control_ = std::move(*started);
  // Once more: a member that was added since the broker read the file found nobody to tell.
  if (auto reloaded = reload(); !reloaded) return dxl::fail(reloaded.error());
  return broker::write_ports(state_.paths,
                             {broker_->port(), broker_->web_socket_port(), management_->port()});
}

std::vector<Expiry> Server::expiries() const {
  const std::lock_guard guard(certificates_mutex_);
  return expiries_;
}

}  // namespace tiara::app
