// The metrics of `tiara up` and `tiara server` in the Prometheus text format. Names and meanings
// are those of docs/metrics.md, which is written from the same table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "net/https_server.hpp"
#include "service/tie_service.hpp"

namespace tiara::app {

struct MetricsSnapshot {
  std::optional<broker::BrokerStatus> broker;    // absent: this process runs none
  std::optional<service::TieServiceStatus> tie;  // absent: this process runs none
  std::optional<net::HttpsStatus> management;    // absent: the port is just being opened
  struct Certificate {
    std::string name;              // "broker", "client_ca"
    double remaining_seconds = 0;  // negative: it has expired
  };
  std::vector<Certificate> certificates;
  std::uint64_t reloads_applied = 0, reloads_failed = 0;
  std::uint64_t dropped_log_lines = 0, repeated_log_lines = 0;
};

// Text exposition format 0.0.4.
std::string metrics_text(const MetricsSnapshot& snapshot);
// docs/metrics.md.
std::string metrics_reference();

}  // namespace tiara::app
