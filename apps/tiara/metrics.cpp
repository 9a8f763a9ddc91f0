#include "tiara/metrics.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>
#include <utility>

#include "tiara/metric_table.hpp"

namespace tiara::app {
namespace {

template <class Pairs>
Samples by_name(std::string_view label, const Pairs& pairs) {
  Samples samples;
  for (const auto& [key, count] : pairs)
    samples.push_back({label_text(label, to_string(key)), static_cast<double>(count)});
  return samples;
}

// `read` is called only if this process runs a broker.
template <class Read>
Samples of_broker(const MetricsSnapshot& snapshot, Read read) {
  return snapshot.broker ? read(*snapshot.broker) : Samples{};
}

template <class Read>
Samples of_management(const MetricsSnapshot& snapshot, Read read) {
  return snapshot.management ? one(read(*snapshot.management)) : Samples{};
}

using S = MetricsSnapshot;
using Broker = broker::BrokerStatus;
using Https = net::HttpsStatus;

constexpr Metric kBrokerMetrics[] = {
    {"tiara_broker_connections", "gauge", "", "Clients on the fabric now.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.connections); }); }},
    {"tiara_broker_connects_total", "counter", "", "Clients that came onto the fabric.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.connects); }); }},
    {"tiara_broker_handshake_failures_total", "counter", "reason",
     "Peers that did not get through TLS or the WebSocket upgrade.",
     [](const S& s) {
       return of_broker(s, [](const Broker& b) { return by_name("reason", b.handshake_failures); });
     }},
    {"tiara_broker_services", "gauge", "", "Registered services.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.services); }); }},
    {"tiara_broker_messages_received_total", "counter", "", "Messages that clients published.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.messages_in); }); }},
    {"tiara_broker_messages_sent_total", "counter", "",
     "Messages handed to clients, each recipient counted.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.messages_out); }); }},
    {"tiara_broker_received_bytes_total", "counter", "",
     "Bytes of MQTT from clients; up to a second late.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.bytes_in); }); }},
    {"tiara_broker_sent_bytes_total", "counter", "",
     "Bytes of MQTT to clients; up to a second late.",
     [](const S& s) { return of_broker(s, [](const Broker& b) { return one(b.bytes_out); }); }},
    {"tiara_broker_refused_messages_total", "counter", "rule",
     "Published messages that were not delivered, by the rule that refused them.",
     [](const S& s) {
       return of_broker(s, [](const Broker& b) { return by_name("rule", b.refusals); });
     }},
    {"tiara_broker_dropped_messages_total", "counter", "reason",
     "Messages that a client missed because it did not take what was sent to it.",
     [](const S& s) {
       return of_broker(s, [](const Broker& b) -> Samples {
         return {{label_text("reason", "slow_consumer"), static_cast<double>(b.dropped_messages)}};
       });
     }},
    {"tiara_broker_limit_hits_total", "counter", "limit",
     "How often each limit of [limits] was hit.",
     [](const S& s) {
       return of_broker(s, [](const Broker& b) { return by_name("limit", b.limits); });
     }},
    {"tiara_broker_buffered_bytes", "gauge", "",
     "Unsent output and unfinished input of all clients.",
     [](const S& s) {
       return of_broker(s, [](const Broker& b) { return one(b.buffered_bytes); });
     }},
    {"tiara_broker_request_seconds", "histogram", "le",
     "From a request's arrival at the broker to that of the service's answer.",
     [](const S& s) {
       return of_broker(s, [](const Broker& b) { return times(b.request_times); });
     }},
};

constexpr Metric kProcessMetrics[] = {
    {"tiara_management_connections", "gauge", "", "Connections to the management port now.",
     [](const S& s) { return of_management(s, [](const Https& h) { return h.connections; }); }},
    {"tiara_management_requests_total", "counter", "",
     "Requests to the management port that were answered, also those without the right password.",
     [](const S& s) { return of_management(s, [](const Https& h) { return h.requests; }); }},
    {"tiara_management_refused_total", "counter", "",
     "Peers of the management port that were refused: no TLS, no HTTP, over a limit, or too slow.",
     [](const S& s) { return of_management(s, [](const Https& h) { return h.refused; }); }},
    {"tiara_certificate_remaining_seconds", "gauge", "certificate",
     "Until a certificate of this state expires; negative afterwards.",
     [](const S& s) {
       Samples samples;
       for (const auto& each : s.certificates)
         samples.push_back({label_text("certificate", each.name), each.remaining_seconds});
       return samples;
     }},
    {"tiara_reloads_total", "counter", "result", "Reloads that were applied, and that failed.",
     [](const S& s) -> Samples {
       return {{label_text("result", "applied"), static_cast<double>(s.reloads_applied)},
               {label_text("result", "failed"), static_cast<double>(s.reloads_failed)}};
     }},
    {"tiara_log_dropped_lines_total", "counter", "",
     "Log lines lost because nobody read stderr fast enough.",
     [](const S& s) { return one(s.dropped_log_lines); }},
    {"tiara_log_repeated_lines_total", "counter", "",
     "Log lines left out because many like them had been written in the same minute.",
     [](const S& s) { return one(s.repeated_log_lines); }},
};

// In the order of the document.
template <class F>
void for_each_metric(F&& f) {
  for (const Metric& metric : kBrokerMetrics) f(metric);
  for (const Metric& metric : tie_metrics()) f(metric);
  for (const Metric& metric : kProcessMetrics) f(metric);
}

}  // namespace

Samples one(std::uint64_t value) { return {{"", static_cast<double>(value)}}; }

Samples times(const base::Histogram::Snapshot& taken) {
  Samples samples;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < base::Histogram::kBounds.size(); ++i) {
    so_far += taken.counts[i];
    samples.push_back({"_bucket" + label_text("le", fmt::format("{}", base::Histogram::kBounds[i])),
                       static_cast<double>(so_far)});
  }
  so_far += taken.counts.back();
  samples.push_back({"_bucket{le=\"+Inf\"}", static_cast<double>(so_far)});
  samples.push_back({"_sum", taken.seconds});
  samples.push_back({"_count", static_cast<double>(so_far)});
  return samples;
}

std::string label_text(std::string_view name, std::string_view value) {
  std::string text = fmt::format("{{{}=\"", name);
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"}";
}

std::string metrics_text(const MetricsSnapshot& snapshot) {
  std::string text;
  const auto out = std::back_inserter(text);
  for_each_metric([&](const Metric& metric) {
    const Samples samples = metric.collect(snapshot);
    if (samples.empty()) return;
    fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", metric.name, metric.help, metric.name,
                   metric.type);
    for (const Sample& sample : samples)
      fmt::format_to(out, "{}{} {}\n", metric.name, sample.suffix, sample.value);
  });
  return text;
}

std::string metrics_reference() {
  std::string text =
      "# Metrics\n\n"
      "`tiara status --state STATE --metrics` prints these in the Prometheus text format. Counters "
      "begin at 0 with each start.\n"
      "Metrics of the TIE service are absent with `--no-service`, those of the broker and the "
      "management port with\n"
      "`tiara server`; those of certificates where nothing measures them.\n\n"
      "| Name | Type | Label | Meaning |\n|---|---|---|---|\n";
  for_each_metric([&text](const Metric& metric) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", metric.name, metric.type,
                        metric.label.empty() ? "" : fmt::format("`{}`", metric.label), metric.help);
  });
  return text;
}

}  // namespace tiara::app
