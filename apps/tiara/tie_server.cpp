#include "tiara/tie_server.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"
#include "broker/certificate.hpp"
#include "broker/policy_file.hpp"
#include "broker/run_directory.hpp"
#include "store/reputation_store.hpp"
#include "tiara/state.hpp"
#include "tiara/status.hpp"
#include "tiara/store_mark.hpp"

namespace tiara::app {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::chrono::seconds kFabricDeadline{30};
constexpr std::string_view kArea = "server";

// The fabric names a sender by its SHA-1 and by nothing else.
dxl::Result<void> check_members(const fabric::Policy& policy, const std::filesystem::path& file) {
  for (const fabric::Member& member : policy.members)
    if (member.certificate.sha1.empty())
      return dxl::fail(ErrorCode::kConfiguration,
                       fmt::format("{}: member \"{}\" needs sha1: a fabric names certificates by "
                                   "nothing else",
                                   file.string(), member.name));
  return {};
}

void log_members(const fabric::Policy& policy, const std::filesystem::path& file) {
  if (policy.members.empty())
    base::log(LogLevel::kWarning, kArea, "{}: nobody may change a reputation: {}", file.string(),
              broker::is_there(file) ? "it has no members" : "the file is not there");
  if (!policy.rules.empty())
    base::log(LogLevel::kWarning, kArea,
              "{}: its topic rules are a broker's; nothing here follows them", file.string());
}

}  // namespace

struct TieServer::Fabric {
  std::vector<sdk::Connector> connectors;  // one for each front-end: each has a turn of its own
  std::size_t addresses = 1;
  std::vector<Expiry> expiries;
};

dxl::Result<TieServer::Fabric> TieServer::load_fabric(const LoadedTieServer& server) {
  const std::filesystem::path& config = server.fabric_config;
  const auto loaded = dxl::ClientConfig::load(config);
  if (!loaded) return dxl::fail(loaded.error());
  for (const std::string& warning : loaded->warnings)
    base::log(LogLevel::kWarning, kArea, "{}: {}", config.string(), warning);
  Fabric fabric{.connectors = {}, .addresses = sdk::count_addresses(*loaded), .expiries = {}};
  while (fabric.connectors.size() < server.settings.front_ends) {
    auto connector = sdk::make_tcp_connector(*loaded);
    if (!connector) return dxl::fail(connector.error());
    fabric.connectors.push_back(*std::move(connector));
  }
  if (const auto pem = broker::read_file(loaded->cert_file))
    if (const auto facts = broker::inspect_certificate(*pem))
      fabric.expiries.push_back({"service certificate " + facts->subject, facts->expires});
  return fabric;
}

dxl::Result<fabric::Policy> TieServer::load_members(const std::filesystem::path& file) {
  if (!broker::is_there(file)) return fabric::Policy{};
  auto policy = broker::load_policy(file);
  if (!policy) return policy;
  if (auto checked = check_members(*policy, file); !checked) return dxl::fail(checked.error());
  return policy;
}

dxl::Result<std::unique_ptr<TieServer>> TieServer::start(const std::filesystem::path& file,
                                                         SettingSources sources) {
  auto loaded = load_tie_server(file, sources);
  if (!loaded) return dxl::fail(loaded.error());
  use_log_settings(loaded->settings.log);
  std::unique_ptr<TieServer> server(new TieServer(*std::move(loaded), file, std::move(sources)));
  for (auto step : {&TieServer::take_state, &TieServer::start_service, &TieServer::start_control})
    if (auto done = (server.get()->*step)(); !done) return dxl::fail(done.error());
  return server;
}

dxl::Result<void> TieServer::check(const std::filesystem::path& file,
                                   const SettingSources& sources) {
  const auto loaded = load_tie_server(file, sources);
  if (!loaded) return dxl::fail(loaded.error());
  std::string problems;
  const auto note = [&problems](const auto& result) {
    if (!result) problems += (problems.empty() ? "" : "\n") + result.error().message;
  };
  note(load_fabric(*loaded));
  note(load_members(loaded->members));
  if (!problems.empty()) return dxl::fail(ErrorCode::kConfiguration, problems);
  return {};
}

TieServer::TieServer(LoadedTieServer loaded, std::filesystem::path file, SettingSources sources)
    : file_(std::move(file)),
      sources_(std::move(sources)),
      loaded_(std::move(loaded)),
      paths_(loaded_.directory) {}

std::string TieServer::ready_line() const { return "ready tie " + service_->status().store_id; }

void TieServer::warn_of_expiry() const { log_expiries(expiries()); }

dxl::Result<void> TieServer::take_state() {
  if (auto fits = check_state_directory(paths_.root); !fits) return fits;
  if (auto made = broker::make_private_directory(paths_.root); !made) return made;
  auto lock = broker::FileLock::try_acquire(paths_.lock);
  if (!lock) return dxl::fail(lock.error());
  lock_.emplace(*std::move(lock));
  auto run_lock = broker::prepare_run_directory(paths_);
  if (!run_lock) return dxl::fail(run_lock.error());
  run_lock_ = *std::move(run_lock);
  return {};
}

dxl::Result<void> TieServer::start_service() {
  auto fabric = load_fabric(loaded_);
  if (!fabric) return dxl::fail(fabric.error());
  addresses_ = fabric->addresses;
  use_fabric(*std::move(fabric));
  auto members = load_members(loaded_.members);
  if (!members) return dxl::fail(members.error());
  log_members(*members, loaded_.members);
  clients_.set_authorization(fabric::Authorization(*std::move(members)));
  if (auto kept = check_store_kept(store_mark(paths_.root), loaded_.store); !kept) return kept;
  store::RocksOptions rocks;
  rocks.directory = loaded_.store;
  rocks.block_cache_bytes = block_cache_bytes(loaded_.settings.memory);
  auto opened = store::open_rocks_store(rocks);
  if (!opened) return dxl::fail(opened.error());
  if (auto marked = mark_store(store_mark(paths_.root), (*opened)->id()); !marked) return marked;
  service::TieServiceOptions options;
  options.settings = loaded_.settings.reputation;
  options.cached_digests = loaded_.settings.memory.cached_digests;
  options.access.is_member = [this](std::string_view sha1, std::string_view group) {
    return clients_.is_member(sha1, group);
  };
  // The name alone: who is refused may be anywhere.
  options.access.members =
      fmt::format("the TIE service's own members file ({}), which alone decides",
                  loaded_.members.filename().string());
  options.access.describe = [this](std::string_view sha1) { return clients_.describe(sha1); };
  options.access.trust_broker_certs = loaded_.settings.trust_broker_certs;
  std::vector<sdk::Connector> connectors;
  for (std::size_t i = 0; i < loaded_.settings.front_ends; ++i) {
    connectors.emplace_back(
        [this, i](net::Loop& loop, std::chrono::milliseconds deadline, auto done) {
          std::shared_ptr<const std::vector<sdk::Connector>> latest;
          {
            const std::lock_guard guard(fabric_mutex_);
            latest = connectors_;
          }
          return (*latest)[i](loop, deadline, std::move(done));
        });
  }
  auto started = service::TieService::start(std::move(options), std::move(*opened),
                                            std::move(connectors), addresses_, clock_);
  if (!started) return dxl::fail(started.error());
  service_ = std::move(*started);
  back_ups_ = std::make_unique<BackUpJob>(
      [this](const std::filesystem::path& directory) { return service_->back_up(directory); });
  return service_->wait_ready(kFabricDeadline);
}

dxl::Result<void> TieServer::start_control() {
  auto started = broker::ControlServer::start(
      paths_.control, [this](const std::string& command) { return answer(command); });
  if (!started) return dxl::fail(started.error());
  control_ = std::move(*started);
  base::log_event(LogLevel::kInfo, kArea, "server.ready", "", {},
                  fmt::format("TIE service with the store {} in {}", service_->status().store_id,
                              loaded_.store.string()));
  return {};
}

void TieServer::use_fabric(Fabric fabric) {
  auto connectors =
      std::make_shared<const std::vector<sdk::Connector>>(std::move(fabric.connectors));
  const std::lock_guard guard(fabric_mutex_);
  connectors_ = std::move(connectors);
  expiries_ = std::move(fabric.expiries);
}

std::vector<Expiry> TieServer::expiries() const {
  const std::lock_guard guard(fabric_mutex_);
  return expiries_;
}

dxl::Result<std::string> TieServer::reload() {
  const std::lock_guard guard(reloading_);
  const auto refuse = [this](const dxl::Error& error) {
    ++reloads_failed_;
    log_refused_reload(error);
    return dxl::fail(error);
  };
  auto loaded = load_tie_server(file_, sources_);
  if (!loaded) return refuse(loaded.error());
  // Where they are needs a start; what is in them does not.
  auto members = load_members(loaded_.members);
  if (!members) return refuse(members.error());
  auto fabric = load_fabric(loaded_);
  if (!fabric) return refuse(fabric.error());
  TieServerSettings unused;
  const SettingChanges changes =
      take_changes(loaded_.values, loaded->values, tie_server_rows(unused));
  if (!changes.applied.empty()) {
    use_log_settings(loaded->settings.log);
    service_->set_settings(loaded->settings.reputation);
  }
  log_changes(changes, loaded_.values);
  use_fabric(*std::move(fabric));
  log_members(*members, loaded_.members);
  const std::size_t count = members->members.size();
  clients_.set_authorization(fabric::Authorization(*std::move(members)));
  ++reloads_applied_;
  base::log_event(LogLevel::kInfo, kArea, "policy.reloaded", "", {},
                  fmt::format("{} members are in force", count));
  return fmt::format("{{\"members\":{},\"applied\":{},\"restart\":{}}}", count,
                     json_array(changes.applied), json_array(changes.restart));
}

MetricsSnapshot TieServer::metrics() const {
  MetricsSnapshot snapshot;
  snapshot.tie = service_->status();
  const auto now = std::chrono::system_clock::now();
  for (const Expiry& expiry : expiries())
    snapshot.certificates.push_back(
        {expiry.what, std::chrono::duration<double>(expiry.when - now).count()});
  snapshot.reloads_applied = reloads_applied_;
  snapshot.reloads_failed = reloads_failed_;
  snapshot.dropped_log_lines = base::dropped_log_lines();
  snapshot.repeated_log_lines = base::repeated_log_lines();
  return snapshot;
}

dxl::Result<std::string> TieServer::answer(const std::string& command) {
  if (command == "reload") return reload();
  if (command == "status") return status_json(service_->status(), expiries());
  if (command == "metrics") return "{\"metrics\":" + base::json_text(metrics_text(metrics())) + "}";
  if (auto answered = back_ups_->answer(command)) return *std::move(answered);
  return dxl::fail(ErrorCode::kInvalidArgument,
                   "unknown command; known are reload, status, metrics, backup DIRECTORY and "
                   "backup-state");
}

}  // namespace tiara::app
