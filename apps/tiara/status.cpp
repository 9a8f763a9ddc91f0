#include "tiara/status.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"

namespace tiara::app {
namespace {

using Json = nlohmann::ordered_json;

Json days_json(const std::vector<Expiry>& expiries) {
  Json days = Json::object();
  for (const Expiry& expiry : expiries)
    days[expiry.what] = days_left(expiry, std::chrono::system_clock::now());
  return days;
}

Json tie_json(const service::TieServiceStatus& service) {
  Json tie;
  tie["ready"] = service.ready;
  tie["storeId"] = service.store_id;
  tie["lookups"] = service.lookups;
  tie["cacheHits"] = service.cache_hits;
  tie["sets"] = service.sets;
  tie["changeEvents"] = service.change_events;
  tie["reports"] = service.reports;
  tie["sandboxReports"] = service.sandbox_reports;
  tie["waiting"] = {{"writes", service.waiting_writes}, {"reads", service.waiting_reads}};
  tie["systems"] = service.enterprise_size;
  tie["auditHead"] = audit_head_text(service.audit);
  Json& others = tie["otherServices"] = Json::array();
  for (const service::OtherService& other : service.other_services)
    others.push_back({{"serviceId", other.service_id},
                      {"serviceType", other.type},
                      {"storeId", other.store_id}});
  return tie;
}

// What peers say of themselves may be no UTF-8.
std::string text_of(const Json& json) {
  return base::printable_json(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

std::vector<std::string> notes_of(const service::TieServiceStatus& service) {
  std::vector<std::string> notes;
  for (const service::OtherService& other : service.other_services)
    notes.push_back(fmt::format(
        "another TIE service answers on this fabric: {} ({}), {}", other.service_id, other.type,
        other.store_id.empty() ? "not one of ours" : "with store " + other.store_id));
  return notes;
}

std::string audit_head_text(const store::AuditHead& head) {
  return fmt::format(
      "{}:{}", head.count,
      base::to_hex({reinterpret_cast<const char*>(head.hash.data()), head.hash.size()}));
}

std::string status_json(const std::string& broker_id, const broker::BrokerStatus& broker,
                        const std::optional<service::TieServiceStatus>& service,
                        const CertificateStatus& certificates) {
  Json json;
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
  json["daysLeft"] = days_json(certificates.expiries);
  json["droppedLogLines"] = base::dropped_log_lines();
  if (service) json["tie"] = tie_json(*service);
  return text_of(json);
}

std::string status_json(const service::TieServiceStatus& service,
                        const std::vector<Expiry>& expiries) {
  Json json;
  json["daysLeft"] = days_json(expiries);
  json["droppedLogLines"] = base::dropped_log_lines();
  json["tie"] = tie_json(service);
  return text_of(json);
}

}  // namespace tiara::app
