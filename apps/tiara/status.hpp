// The answer to `status` on the control socket, and the same counters for Prometheus.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "service/tie_service.hpp"
#include "tiara/credentials.hpp"

namespace tiara::app {

struct CertificateStatus {
  std::size_t revoked = 0;  // thumbprints on the list
  std::vector<Expiry> expiries;
};

// What an operator should know although clients are served: another TIE service on the fabric.
std::vector<std::string> notes_of(const service::TieServiceStatus& service);
// "COUNT:HASH", what `tiara audit verify --head` takes.
std::string audit_head_text(const store::AuditHead& head);

// One JSON object without newline; `service` absent: this process runs none.
std::string status_json(const std::string& broker_id, const broker::BrokerStatus& broker,
                        const std::optional<service::TieServiceStatus>& service,
                        const CertificateStatus& certificates);

// The same of a TIE service alone.
std::string status_json(const service::TieServiceStatus& service,
                        const std::vector<Expiry>& expiries);

}  // namespace tiara::app
