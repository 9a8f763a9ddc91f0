#include "tiara/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "broker/state_directory.hpp"

namespace tiara::app {
namespace {

using testing::HasSubstr;
using testing::Not;

MetricsSnapshot full() {
  MetricsSnapshot snapshot;
  broker::BrokerStatus& broker = snapshot.broker.emplace();
  broker.connections = 3;
  broker.bytes_in = 123'456'789'012;
  broker.refusals = {{fabric::Refusal::kNotAuthorised, 4}};
  broker.handshake_failures = {{dxl::ErrorCode::kTls, 5}};
  broker.limits = {{broker::Limit::kConnections, 6}};
  broker.request_times.counts = {42};
  service::TieServiceStatus& tie = snapshot.tie.emplace();
  tie.ready = true;
  tie.lookups = 20;
  tie.cert_lookups = 21;
  tie.cache_hits = 22;
  tie.queries = 23;
  tie.sets = 24;
  tie.batch_sets = 25;
  tie.metadata = 26;
  tie.change_events = 27;
  tie.purged = 28;
  tie.uncounted_lookups = 29;
  tie.digest_conflicts = 30;
  tie.reports = {{"accepted", 7}, {"refused.level", 31}};
  tie.sandbox_reports = {{"refused", 32}};
  tie.events = {{"detection", 33}};
  tie.errors = {{8, 34}};
  tie.verdicts = {{{"enterprise", "trusted"}, 35}};
  tie.commit_times.counts = {36};
  tie.read_times.counts = {0, 37};
  tie.waiting_writes = 38;
  tie.waiting_reads = 39;
  tie.enterprise_size = 40;
  tie.audit.count = 41;
  tie.other_services = {{"{id}", "/type", ""}};
  snapshot.tie->answer_times.counts = {2, 1};
  snapshot.tie->answer_times.counts.back() = 1;
  snapshot.tie->answer_times.seconds = 20.5;
  snapshot.management = {9, 10, 11};
  snapshot.certificates = {{"broker", -1.5}};
  snapshot.reloads_failed = 8;
  return snapshot;
}

TEST(Metrics, WriteValuesWithTheirLabels) {
  const std::string text = metrics_text(full());
  for (const char* line :
       {"# TYPE tiara_broker_connections gauge\ntiara_broker_connections 3\n",
        "\ntiara_broker_received_bytes_total 123456789012\n",
        "\ntiara_broker_refused_messages_total{rule=\"not_authorised\"} 4\n",
        "\ntiara_broker_handshake_failures_total{reason=\"tls\"} 5\n",
        "\ntiara_broker_limit_hits_total{limit=\"connections\"} 6\n",
        "\ntiara_broker_request_seconds_count 42\n",
        "\ntiara_tie_reports_total{outcome=\"accepted\"} 7\n", "\ntiara_management_connections 9\n",
        "\ntiara_management_requests_total 10\n", "\ntiara_management_refused_total 11\n",
        "\ntiara_certificate_remaining_seconds{certificate=\"broker\"} -1.5\n",
        "\ntiara_reloads_total{result=\"failed\"} 8\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Metrics, TellEverythingThatTheServiceCounts) {
  const std::string text = metrics_text(full());
  for (const char* line : {"ready 1",
                           "lookups_total 20",
                           "certificate_lookups_total 21",
                           "cache_hits_total 22",
                           "queries_total 23",
                           "sets_total 24",
                           "batch_sets_total 25",
                           "metadata_total 26",
                           "change_events_total 27",
                           "purged_total 28",
                           "uncounted_lookups_total 29",
                           "digest_conflicts_total 30",
                           "reports_total{outcome=\"refused\",reason=\"level\"} 31",
                           "sandbox_reports_total{outcome=\"refused\"} 32",
                           "events_total{kind=\"detection\"} 33",
                           "errors_total{code=\"8\"} 34",
                           "verdicts_total{provider=\"enterprise\",verdict=\"trusted\"} 35",
                           "store_commit_seconds_count 36",
                           "store_read_seconds_bucket{le=\"0.0001\"} 0",
                           "store_read_seconds_count 37",
                           "waiting{queue=\"writes\"} 38",
                           "waiting{queue=\"reads\"} 39",
                           "systems 40",
                           "audit_entries 41",
                           "other_services 1"})
    EXPECT_THAT(text, HasSubstr(std::string("\ntiara_tie_") + line + "\n"));
}

TEST(Metrics, BucketsOfAHistogramAddUp) {
  const std::string text = metrics_text(full());
  for (const char* line :
       {"tiara_tie_answer_seconds_bucket{le=\"0.0001\"} 2\n",
        "tiara_tie_answer_seconds_bucket{le=\"0.00025\"} 3\n",
        "tiara_tie_answer_seconds_bucket{le=\"10\"} 3\n",
        "tiara_tie_answer_seconds_bucket{le=\"+Inf\"} 4\n", "tiara_tie_answer_seconds_sum 20.5\n",
        "tiara_tie_answer_seconds_count 4\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Metrics, EscapeLabels) {
  MetricsSnapshot snapshot;
  snapshot.certificates = {{"a\"b\\c\nd", 1}};
  EXPECT_THAT(metrics_text(snapshot), HasSubstr("{certificate=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Metrics, LeaveOutWhatIsNotThere) {
  const std::string text = metrics_text({});
  EXPECT_THAT(text, Not(HasSubstr("tiara_broker_")));
  EXPECT_THAT(text, Not(HasSubstr("tiara_tie_")));
  EXPECT_THAT(text, Not(HasSubstr("tiara_management_")));
  EXPECT_THAT(text, Not(HasSubstr("tiara_certificate_")));
}

// The grammar of the text format, and the naming rules of its users.
TEST(Metrics, EveryLineIsWellFormedAndEveryNameFollowsTheRules) {
  const std::regex sample(
      "(tiara_[a-z_]+)(\\{(?:,?[a-z]+=\"(?:[^\"\\\\\n]|\\\\[n\"\\\\])*\")+\\})? (-?[0-9.e+]+)");
  const std::regex type("# TYPE (tiara_[a-z_]+) (counter|gauge|histogram)");
  std::istringstream lines(metrics_text(full()));
  std::set<std::string> series;
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (line.starts_with("# HELP ")) continue;
    if (std::regex_match(line, found, type)) {
      EXPECT_EQ(found.str(2) == "counter", found.str(1).ends_with("_total")) << line;
      continue;
    }
    ASSERT_TRUE(std::regex_match(line, found, sample)) << line;
    EXPECT_TRUE(series.insert(found.str(1) + found.str(2)).second) << "twice: " << line;
  }
  EXPECT_GT(series.size(), 20U);
}

TEST(Metrics, TheDocumentIsWrittenFromTheTable) {
  const auto text = broker::read_file(TIARA_FIXTURES "/../../docs/metrics.md");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, metrics_reference())
      << "run: build/release/bin/tiara config reference --metrics > docs/metrics.md";
}

}  // namespace
}  // namespace tiara::app
