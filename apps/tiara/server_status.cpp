// What a running server answers about itself.
#include "base/log.hpp"
#include "tiara/server.hpp"
#include "tiara/status.hpp"

namespace tiara::app {

MetricsSnapshot Server::metrics() const {
  MetricsSnapshot snapshot;
  snapshot.broker = broker_->status();
  if (service_) snapshot.tie = service_->status();
  if (management_started_) snapshot.management = management_->status();
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

dxl::Result<std::string> Server::answer(const std::string& command) {
  if (command == "reload") return reload();
  if (command == "status")
    return status_json(state_.broker_id, broker_->status(),
                       service_ ? std::optional(service_->status()) : std::nullopt,
                       {revocations_->list().size(), expiries()});
  if (command == "metrics") return "{\"metrics\":" + base::json_text(metrics_text(metrics())) + "}";
  if (back_ups_)
    if (auto answered = back_ups_->answer(command)) return *std::move(answered);
  return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                   "unknown command; known are reload, status, metrics, and with a TIE service "
                   "backup DIRECTORY and backup-state");
}

}  // namespace tiara::app
