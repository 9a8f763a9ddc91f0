#include <fmt/format.h>

#include <string>

#include "tiara/metric_table.hpp"

namespace tiara::app {
namespace {

using S = MetricsSnapshot;
using Tie = service::TieServiceStatus;

// `read` is called only if this process runs a TIE service.
template <class Read>
Samples of_tie(const S& snapshot, Read read) {
  return snapshot.tie ? read(*snapshot.tie) : Samples{};
}

template <class Read>
Samples count_of(const S& snapshot, Read read) {
  return snapshot.tie ? one(read(*snapshot.tie)) : Samples{};
}

template <class Counts>
Samples by_key(std::string_view label, const Counts& counts) {
  Samples samples;
  for (const auto& [key, count] : counts)
    samples.push_back({label_text(label, fmt::format("{}", key)), static_cast<double>(count)});
  return samples;
}

std::string two_labels(std::string_view first, std::string_view first_value,
                       std::string_view second, std::string_view second_value) {
  std::string text = label_text(first, first_value);
  text.back() = ',';
  return text + label_text(second, second_value).substr(1);
}

// "refused.level" is an outcome and its reason.
Samples reports(const Tie& tie) {
  Samples samples;
  for (const auto& [key, count] : tie.reports) {
    const std::size_t dot = key.find('.');
    const auto value = static_cast<double>(count);
    if (dot == std::string::npos)
      samples.push_back({label_text("outcome", key), value});
    else
      samples.push_back(
          {two_labels("outcome", key.substr(0, dot), "reason", key.substr(dot + 1)), value});
  }
  return samples;
}

Samples verdicts(const Tie& tie) {
  Samples samples;
  for (const auto& [key, count] : tie.verdicts)
    samples.push_back(
        {two_labels("provider", key.first, "verdict", key.second), static_cast<double>(count)});
  return samples;
}

constexpr Metric kMetrics[] = {
    {"tiara_tie_ready", "gauge", "",
     "1: the TIE service is registered, connected and its last commit worked.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.ready ? 1U : 0U; }); }},
    {"tiara_tie_lookups_total", "counter", "", "Reputation lookups of files.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.lookups; }); }},
    {"tiara_tie_verdicts_total", "counter", "provider, verdict",
     "Lookups of files by the provider that decided and by what it said; \"none\": nobody did.",
     [](const S& s) { return of_tie(s, verdicts); }},
    {"tiara_tie_cache_hits_total", "counter", "",
     "Lookups of files that were answered from memory.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.cache_hits; }); }},
    {"tiara_tie_certificate_lookups_total", "counter", "", "Reputation lookups of certificates.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.cert_lookups; }); }},
    {"tiara_tie_queries_total", "counter", "", "Everything else that was asked.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.queries; }); }},
    {"tiara_tie_uncounted_lookups_total", "counter", "",
     "Lookups that were answered but not counted as sightings: too much was waiting.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.uncounted_lookups; }); }},
    {"tiara_tie_sets_total", "counter", "", "Enterprise reputations set.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.sets; }); }},
    {"tiara_tie_batch_sets_total", "counter", "", "Reputations set by batches.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.batch_sets; }); }},
    {"tiara_tie_metadata_total", "counter", "", "Reports of metadata.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.metadata; }); }},
    {"tiara_tie_reports_total", "counter", "outcome, reason",
     "External reports by what became of them; those that were refused also by why.",
     [](const S& s) { return of_tie(s, reports); }},
    {"tiara_tie_sandbox_reports_total", "counter", "outcome",
     "Sandbox reports by what became of them.",
     [](const S& s) {
       return of_tie(s, [](const Tie& t) { return by_key("outcome", t.sandbox_reports); });
     }},
    {"tiara_tie_change_events_total", "counter", "", "Reputation change events sent.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.change_events; }); }},
    {"tiara_tie_events_total", "counter", "kind", "Events sent, changes included.",
     [](const S& s) { return of_tie(s, [](const Tie& t) { return by_key("kind", t.events); }); }},
    {"tiara_tie_errors_total", "counter", "code", "Error answers by their code.",
     [](const S& s) { return of_tie(s, [](const Tie& t) { return by_key("code", t.errors); }); }},
    {"tiara_tie_answer_seconds", "histogram", "le",
     "From a request's arrival at the TIE service to its answer or error.",
     [](const S& s) { return of_tie(s, [](const Tie& t) { return times(t.answer_times); }); }},
    {"tiara_tie_store_commit_seconds", "histogram", "le",
     "One commit of the store, of all that was waiting.",
     [](const S& s) { return of_tie(s, [](const Tie& t) { return times(t.commit_times); }); }},
    {"tiara_tie_store_read_seconds", "histogram", "le",
     "Working out an answer that was not in memory.",
     [](const S& s) { return of_tie(s, [](const Tie& t) { return times(t.read_times); }); }},
    {"tiara_tie_waiting", "gauge", "queue", "Writes and reads that wait for their turn.",
     [](const S& s) {
       return of_tie(s, [](const Tie& t) -> Samples {
         return {{label_text("queue", "writes"), static_cast<double>(t.waiting_writes)},
                 {label_text("queue", "reads"), static_cast<double>(t.waiting_reads)}};
       });
     }},
    {"tiara_tie_purged_total", "counter", "", "Files and certificates that went: unused too long.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.purged; }); }},
    {"tiara_tie_digest_conflicts_total", "counter", "",
     "Messages whose digests contradicted what is known.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.digest_conflicts; }); }},
    {"tiara_tie_systems", "gauge", "", "Systems in the enterprise, seen or set.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.enterprise_size; }); }},
    {"tiara_tie_audit_entries", "gauge", "", "Entries of the audit log.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.audit.count; }); }},
    {"tiara_tie_other_services", "gauge", "",
     "Other TIE services on the fabric that answer from another store.",
     [](const S& s) { return count_of(s, [](const Tie& t) { return t.other_services.size(); }); }},
};

}  // namespace

std::span<const Metric> tie_metrics() { return kMetrics; }

}  // namespace tiara::app
