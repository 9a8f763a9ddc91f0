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

// One JSON object without newline; `service` absent: this process runs none.
std::string status_json(const std::string& broker_id, const broker::BrokerStatus& broker,
                        const std::optional<service::TieServiceStatus>& service,
                        const CertificateStatus& certificates);

}  // namespace tiara::app
