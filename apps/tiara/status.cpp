#include "tiara/status.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace tiara::app {

std::string status_json(const std::string& broker_id, const broker::BrokerStatus& broker,
                        const std::optional<service::TieServiceStatus>& service,
                        const CertificateStatus& certificates) {
  nlohmann::ordered_json json;
  json["brokerId"] = broker_id;
  json["connections"] = broker.connections;
  json["services"] = broker.services;
  json["messagesIn"] = broker.messages_in;
  json["messagesOut"] = broker.messages_out;
  json["refusedPublishes"] = broker.refused_publishes;
  json["droppedMessages"] = broker.dropped_messages;
  json["bufferedBytes"] = broker.buffered_bytes;
  auto& limits = json["limits"];
  for (const auto& [limit, hits] : broker.limits) limits[std::string(to_string(limit))] = hits;
  json["revokedCertificates"] = certificates.revoked;
  auto& days = json["daysLeft"] = nlohmann::ordered_json::object();
  for (const Expiry& expiry : certificates.expiries)
    days[expiry.what] = days_left(expiry, std::chrono::system_clock::now());
  json["droppedLogLines"] = base::dropped_log_lines();
  if (service) {
    auto& tie = json["tie"];
    tie["ready"] = service->ready;
    tie["lookups"] = service->lookups;
    tie["sets"] = service->sets;
    tie["changeEvents"] = service->change_events;
    tie["reports"] = service->reports;
  }
  return json.dump();
}

std::string status_metrics(const broker::BrokerStatus& broker,
                           const std::optional<service::TieServiceStatus>& service) {
  std::string text;
  const auto type = [&text](std::string_view name, std::string_view kind) {
    text += fmt::format("# TYPE tiara_{} {}\n", name, kind);
  };
  const auto add = [&](std::string_view name, std::string_view kind, std::uint64_t value) {
    type(name, kind);
    text += fmt::format("tiara_{} {}\n", name, value);
  };
  add("connections", "gauge", broker.connections);
  add("services", "gauge", broker.services);
  add("messages_in_total", "counter", broker.messages_in);
  add("messages_out_total", "counter", broker.messages_out);
  add("refused_publishes_total", "counter", broker.refused_publishes);
  add("dropped_messages_total", "counter", broker.dropped_messages);
  add("buffered_bytes", "gauge", broker.buffered_bytes);
  add("dropped_log_lines_total", "counter", base::dropped_log_lines());
  type("limit_hits_total", "counter");
  for (const auto& [limit, hits] : broker.limits)
    text += fmt::format("tiara_limit_hits_total{{limit=\"{}\"}} {}\n", to_string(limit), hits);
  if (!service) return text;
  add("tie_ready", "gauge", service->ready ? 1 : 0);
  add("tie_lookups_total", "counter", service->lookups);
  add("tie_sets_total", "counter", service->sets);
  add("tie_change_events_total", "counter", service->change_events);
  type("tie_reports_total", "counter");
  for (const auto& [outcome, count] : service->reports)
    text += fmt::format("tiara_tie_reports_total{{outcome=\"{}\"}} {}\n", outcome, count);
  return text;
}

}  // namespace tiara::app
