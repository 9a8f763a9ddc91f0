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

}  // namespace tiara::app
