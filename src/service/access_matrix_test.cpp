// Who may do what: every topic of the service, every role, with and without the setting for senders
// without identity (docs/security-lessons.md).
#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Role {
  const char* name;
  std::string_view sender;
};
constexpr Role kNobody{"nobody", ""};
constexpr Role kOrdinary{"ordinary", kBob};
constexpr Role kRoles[] = {kNobody,
                           kOrdinary,
                           {"set enterprise", kSetter},
                           {"set external", kReporter},
                           {"sandbox", kSandbox},
                           {"administrator", kAdmin}};

// The second table, not derived from the service's own: who may send to each topic, and whether a
// valid message there writes. `unidentified`: also nobody, if the setting says so.
struct Rule {
  std::set<std::string_view> allowed{};
  bool unidentified = false;
  bool writes = false;
};

const std::set<std::string_view> kEverybody{"", kBob, kSetter, kReporter, kSandbox, kAdmin};

const std::map<std::string_view, Rule>& rules() {
  static const std::map<std::string_view, Rule> table{
      {tie::kTopicFileReputation, {kEverybody, false, true}},
      {tie::kTopicFileAgents, {kEverybody}},
      {tie::kTopicCertReputation, {kEverybody, false, true}},
      {tie::kTopicCertAgents, {kEverybody}},
      {tie::kTopicUpdates, {kEverybody}},
      {tie::kTopicFileInfo, {kEverybody}},
      {tie::kTopicFileSearch, {kEverybody}},
      {tie::kTopicBatchGet, {kEverybody, false, true}},
      {tie::kTopicReportOutcome, {kEverybody}},
      {tie::kTopicExplain, {kEverybody}},
      {tie::kTopicFileMetadata, {kEverybody, false, true}},
      {tie::kTopicCertMetadata, {kEverybody, false, true}},
      {tie::kTopicFileReputationSet, {{kSetter, kAdmin}, true, true}},
      {tie::kTopicCertReputationSet, {{kSetter, kAdmin}, true, true}},
      {tie::kTopicExternalReport, {{kReporter, kAdmin}, true, true}},
      {tie::kTopicSandboxReport, {{kSandbox, kAdmin}, true, true}},
      {tie::kTopicHistory, {{kSetter, kReporter, kAdmin}}},
      // Open, and judged item by item: see below.
      {tie::kTopicBatchSet, {kEverybody}},
  };
  return table;
}

// Lookups of nobody are pure reads (L11).
bool writes(std::string_view topic, const Rule& rule, const Role& role) {
  const bool is_lookup = topic == tie::kTopicFileReputation || topic == tie::kTopicCertReputation ||
                         topic == tie::kTopicBatchGet;
  return rule.writes && !(is_lookup && role.sender.empty());
}

bool may(const Rule& rule, const Role& role, bool accept_unidentified) {
  if (rule.allowed.contains(role.sender)) return true;
  return role.sender.empty() && rule.unidentified && accept_unidentified;
}

bool is_event_topic(std::string_view topic) {
  const std::vector<std::string> events = Dispatcher::event_topics();
  return std::find(events.begin(), events.end(), topic) != events.end();
}

// A store with something of everything in it, so that what a refused message did would show.
void fill(ServiceFixture& service) {
  service.set(99);
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  service.report(report_json(70));
  service.sandbox(1);
  service.take();
}

TEST(LearntFrom, CVE_2019_3641_EveryTopicOfTheServiceIsInTheTableOfRights) {
  std::set<std::string> served;
  for (const auto& topics : {Dispatcher::request_topics(), Dispatcher::event_topics()})
    served.insert(topics.begin(), topics.end());
  std::set<std::string> judged;
  for (const auto& [topic, rule] : rules()) judged.emplace(topic);
  EXPECT_EQ(served, judged);
}

TEST(LearntFrom, CVE_2019_3641_EachRoleDoesWhatItMayOnEachTopicAndNothingElseChanges) {
  std::size_t refused = 0;
  for (const auto& [topic, rule] : rules())
    for (const Role& role : kRoles)
      for (const bool accept_unidentified : {false, true}) {
        SCOPED_TRACE(
            fmt::format("{} by {}, accept_unidentified {}", topic, role.name, accept_unidentified));
        ServiceFixture service;
        fill(service);
        service.change_settings([&](auto& settings) {
          settings.authorization_accept_unidentified = accept_unidentified;
        });
        const StoreDump before = dump(service.store);
        const std::size_t commits = service.store.commits.size();
        const bool allowed = may(rule, role, accept_unidentified);
        const bool is_event = is_event_topic(topic);
        const std::string payload = topic == tie::kTopicBatchSet ? std::string(R"({"items":[]})")
                                                                 : valid_payloads().at(topic);
        if (is_event) {
          service.event(topic, payload, role.sender, "{e}");
        } else {
          service.request(topic, payload, role.sender);
        }
        const std::vector<Sent> sent = service.take();
        EXPECT_EQ(service.store.commits.size() != commits, allowed && writes(topic, rule, role));
        EXPECT_EQ(dump(service.store) != before, allowed && writes(topic, rule, role));
        if (allowed) {
          for (const Sent& message : sent) EXPECT_EQ(message.error_code, 0U);
          continue;
        }
        ++refused;
        EXPECT_EQ(sent.size(), is_event ? 0U : 1U);
        for (const Sent& message : sent) {
          EXPECT_EQ(message.error_code, 6U);
          EXPECT_THAT(message.error_message,
                      HasSubstr(role.sender.empty() ? "no sender identity" : role.sender));
        }
      }
  EXPECT_EQ(refused, 2U * (4 + 4 + 4 + 4 + 3) - 4U) << "the matrix has been walked";
}

// What a refused event was refused for, the log and the counters must tell: there is no answer.
TEST(LearntFrom, CVE_2019_3641_RefusedReportsAreCountedAndTheirSenderToldOnRequest) {
  ServiceFixture service;
  service.report(report_json(1), kSetter);
  EXPECT_THAT(service.outcome(kSetter).reason, testing::StartsWith("unauthorized: "));
  EXPECT_THAT(service.outcome(kSetter).reason,
              HasSubstr("not in group \"TIE Server Set External Reputation\""));
  EXPECT_EQ(
      service.counters.reports_refused[static_cast<std::size_t>(tie::ReportRefusal::kUnauthorized)],
      1U);
  service.event(tie::kTopicSandboxReport, sandbox_json(5), kReporter, "{s}");
  EXPECT_EQ(service.counters.sandbox_refused, 1U);
}

TEST(Access, ARefusalNamesTheListIfItIsNotTheBrokers) {
  const std::string group =
      "certificate c may not set Enterprise reputations: not in group "
      "\"TIE Server Set Enterprise Reputation\"";
  const auto refusal = [](std::string members) {
    AccessOptions options;
    options.members = std::move(members);
    return *Access(std::move(options)).refuse(Action::kSetEnterprise, {"c", {}}, false);
  };
  EXPECT_EQ(refusal(""), group);
  EXPECT_EQ(refusal("the list"), group + " of the list");
}

TEST(LearntFrom, CVE_2019_3641_ASetBatchIsJudgedItemByItem) {
  const std::string items =
      items_json({set_item(3, 1, numbered_hashes(1)), set_cert_item(1),
                  set_item(15, 1, numbered_hashes(2)), set_item(5, 1, numbered_hashes(3))});
  const std::map<std::string_view, std::vector<const char*>> expected{
      {"", {"refused", "refused", "refused", "refused"}},
      {kBob, {"refused", "refused", "refused", "refused"}},
      {kSandbox, {"refused", "refused", "refused", "refused"}},
      {kSetter, {"changed", "changed", "refused", "refused"}},
      {kReporter, {"refused", "refused", "changed", "refused"}},
      {kAdmin, {"changed", "changed", "changed", "refused"}},
  };
  for (const Role& role : kRoles) {
    SCOPED_TRACE(role.name);
    ServiceFixture service;
    const Sent answer = service.exchange(tie::kTopicBatchSet, items, role.sender);
    const auto outcomes = value_of(tie::decode_batch_outcomes(answer.payload));
    ASSERT_THAT(outcomes, SizeIs(4));
    std::size_t changed = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      EXPECT_EQ(outcomes[i].outcome, expected.at(role.sender)[i]) << "item " << i;
      EXPECT_EQ(outcomes[i].reason.empty(), outcomes[i].outcome == "changed") << "item " << i;
      changed += outcomes[i].outcome == "changed" ? 1 : 0;
    }
    EXPECT_EQ(dump(service.store).updates.size(), changed);
    EXPECT_THAT(service.store.commits, SizeIs(changed == 0 ? 0 : 1));
  }
}

TEST(LearntFrom, CVE_2019_3641_SwitchesForReportsHoldForBatchesToo) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.external_enabled = false; });
  const auto outcome = [&](std::string_view item) {
    const Sent answer = service.exchange(tie::kTopicBatchSet, items_json({std::string(item)}));
    return value_of(tie::decode_batch_outcomes(answer.payload)).at(0).reason;
  };
  EXPECT_THAT(outcome(set_item(15, 1)), HasSubstr("disabled"));
  service.change_settings([](auto& settings) {
    settings.external_enabled = true;
    settings.external_require_filename = true;
  });
  EXPECT_THAT(
      outcome(R"({"providerId":15,"trustLevel":1,"hashes":)" + hashes_json(kMd5Base64) + "}"),
      HasSubstr("filename"));
  EXPECT_THAT(service.store.commits, IsEmpty());
}

// Without a list nobody may change anything, and `dxl.certs`, which clients can forge on other
// brokers, counts only if told so.
TEST(LearntFrom, CVE_2019_3641_DeniesByDefaultAndBelievesChainsOnlyIfTold) {
  const Access nobody{AccessOptions{}};
  for (const auto& [topic, rule] : rules()) {
    const Action action = *Dispatcher::action_of(topic);
    const bool open = rule.allowed == kEverybody;
    EXPECT_EQ(!nobody.refuse(action, Sender{.certificate = kAdmin, .chain = kAdmin}, false),
              open || topic == tie::kTopicBatchSet)
        << topic;
  }
  const auto is_member = [](std::string_view certificate, std::string_view group) {
    return certificate == kAdmin && group == dxl::kGroupSetEnterprise;
  };
  const std::string chain = fmt::format("{};{}", kBob, kAdmin);
  for (const bool trust : {false, true}) {
    const Access access{{.is_member = is_member, .describe = {}, .trust_broker_certs = trust}};
    EXPECT_EQ(!access.refuse(Action::kSetEnterprise, {.certificate = kBob, .chain = chain}, false),
              trust);
  }
}

}  // namespace
}  // namespace tiara::service
