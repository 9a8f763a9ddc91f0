#include "service/command_processor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"
#include "service/service_fixture.hpp"

namespace tiara::service {
namespace {

using store::Durability;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

TEST(CommandProcessor, CommitsAGroupOnceAndSynced) {
  ServiceFixture service;
  for (const int level : {99, 1, 15}) service.set(level);
  EXPECT_EQ(count_changes(service.take()), 3U);
  EXPECT_THAT(service.store.commits, ElementsAre(Durability::kSynced));
  EXPECT_EQ(service.store.last_change_id(), 3U);
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kMostLikelyMalicious);
}

// The time that a change gets when the store's newest lies so many seconds ahead of the clock.
std::int64_t commit_time_behind(std::int64_t ahead) {
  ServiceFixture service;
  const std::int64_t now = service.clock.epoch;
  store::Batch batch;
  batch.updates = {{.time = now + ahead,
                    .change_id = 1,
                    .subject = reputation::strongest_key(reputation::hashes(1, 2, 3))}};
  batch.change_id = 1;
  EXPECT_TRUE(service.store.commit(batch, Durability::kSynced));
  CommandProcessor restarted(service.context, service.store, service.clock);
  std::vector<Submitted> commands;
  commands.push_back({.command = BarrierCommand{}});
  return restarted.process(std::move(commands)).at(0).time - now;
}

TEST(CommandProcessor, TimeDoesNotGoBackAcrossARestartUnlessTheClockWasWrong) {
  EXPECT_EQ(commit_time_behind(-10), 0);
  EXPECT_EQ(commit_time_behind(120), 120);
  EXPECT_EQ(commit_time_behind(2 * 24 * 60 * 60), 0);
}

TEST(CommandProcessor, FirstReferencesAloneAreNotSynced) {
  ServiceFixture service;
  service.get(true);
  service.take();
  EXPECT_THAT(service.store.commits, ElementsAre(Durability::kBuffered));
}

TEST(CommandProcessor, L3LevelZeroOnAnUnknownFileSucceedsAndCreatesNothing) {
  ServiceFixture service;
  service.set(0);
  service.report(report_json(0));
  EXPECT_THAT(service.take(), SizeIs(1));
  EXPECT_THAT(service.store.commits, IsEmpty());
}

TEST(CommandProcessor, L3LevelZeroRemovesWhatWasThereWithOneEvent) {
  ServiceFixture service;
  service.set(99);
  service.report(report_json(70));
  service.take();
  service.set(0);
  service.report(report_json(0));
  EXPECT_EQ(count_changes(service.take()), 2U);
  const tie::Reputations answer = service.ask();
  EXPECT_EQ(answer.find(Provider::kEnterprise)->trust_level, TrustLevel::kNotSet);
  EXPECT_EQ(answer.find(Provider::kExternal), nullptr);
}

TEST(CommandProcessor, L1AReportIsStoredBesideADefinitiveLevel) {
  ServiceFixture service;
  service.set(99);
  service.report(report_json(1));
  EXPECT_EQ(count_changes(service.take()), 2U);
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kKnownTrusted);
  EXPECT_EQ(service.level(Provider::kExternal), TrustLevel::kKnownMalicious);
}

TEST(CommandProcessor, L12L16TheSameLevelAgainMakesNoEvent) {
  ServiceFixture service;
  service.set(99);
  service.report(report_json(70));
  service.take();
  service.clock.advance(std::chrono::seconds(10));
  service.set(99);
  service.report(report_json(70));
  EXPECT_EQ(count_changes(service.take()), 0U);
  const tie::Reputations answer = service.ask();
  EXPECT_EQ(answer.find(Provider::kEnterprise)->create_date, service.clock.epoch - 10);
  EXPECT_EQ(answer.find(Provider::kExternal)->create_date, service.clock.epoch);
}

TEST(CommandProcessor, L19AFileBecomesPrevalentOnce) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.prevalence_min_systems = 2; });
  for (const char system : {'a', 'b', 'c'})
    service.request(tie::kTopicFileReputation, get_json(true), std::string(40, system));
  std::vector<std::string> events;
  for (const Sent& message : service.take())
    if (message.topic == tie::kTopicFilePrevalence) events.push_back(message.payload);
  EXPECT_THAT(events,
              ElementsAre(HasSubstr(R"("prevalent":false)"), HasSubstr(R"("prevalent":true)")));
}

TEST(CommandProcessor, AFailedCommitRefusesTheWholeGroupAndChangesNothing) {
  ServiceFixture service;
  service.set(99);
  service.take();
  service.store.full = true;
  service.set(1);
  service.report(report_json(70));
  const std::vector<Sent> sent = service.take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].error_code, 8U);
  EXPECT_THAT(sent[0].error_message, HasSubstr("no space left on device"));
  EXPECT_EQ(service.outcome().outcome, "refused");
  EXPECT_FALSE(service.counters.store_works);
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kKnownTrusted);
  EXPECT_EQ(service.level(Provider::kExternal), TrustLevel::kNotSet);
}

TEST(CommandProcessor, KeepsAnsweringLookupsWhileTheStoreCannotBeWritten) {
  ServiceFixture service;
  service.store.full = true;
  service.set(1);
  service.get();  // waits behind the set
  const std::vector<Sent> sent = service.take();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[1].type, dxl::MessageType::kResponse);
}

TEST(CommandProcessor, TriesAgainAfterTheBackOffAndLeavesNoHoleInTheChangeIds) {
  ServiceFixture service;
  service.set(99);
  service.take();
  service.store.full = true;
  service.set(1);
  service.take();
  service.store.full = false;
  service.set(1);
  EXPECT_EQ(service.take().back().error_code, 8U) << "the back-off is not over";
  service.clock.advance(std::chrono::seconds(10));
  service.set(1);
  EXPECT_THAT(service.take()[1].payload, HasSubstr(R"("changeId":2)"));
  EXPECT_TRUE(service.counters.store_works);
}

TEST(CommandProcessor, CommitTimeNeverGoesBack) {
  ServiceFixture service;
  service.set(99);
  service.take();
  const std::int64_t first = service.clock.epoch;
  service.clock.epoch -= 3600;
  service.set(1);
  const auto change = tie::decode_file_change(service.take()[1].payload);
  EXPECT_EQ(change->update_time, first);
}

// Two records of one file, each with a reference, tied together by a set in the same group as more
// references: no system may be lost or counted twice.
TEST(CommandProcessor, L8MergesRecordsAndTheirReferencesWithinAGroup) {
  ServiceFixture service;
  const std::string sha1_only = R"([{"type":"sha1","value":")" + std::string(kSha1Base64) + "\"}]";
  const auto lookup = [&](const std::string& hashes, std::string_view sender) {
    service.request(tie::kTopicFileReputation, get_json(true, hashes), sender);
  };
  lookup(hashes_json(kMd5Base64), kAlice);
  lookup(sha1_only, kAlice);
  lookup(sha1_only, kBob);
  service.run_reads();
  service.request(tie::kTopicFileReputationSet, set_json(99, hashes_json(kMd5Base64, kSha1Base64)));
  EXPECT_EQ(count_changes(service.take()), 2U) << "one event for each former record";
  const tie::Reputations answer = service.ask();
  const auto& attributes = answer.find(Provider::kEnterprise)->attributes;
  EXPECT_THAT(attributes, testing::Contains(testing::Pair("2101652", "2")));
  EXPECT_EQ(service.store.enterprise_size(), 2U);
}

// The set gives the record a stronger digest, so its references move; the lookup behind it in the
// same group must still find them.
TEST(CommandProcessor, CountsASystemOnceWhenItsReferenceMovesWithinTheGroup) {
  ServiceFixture service;
  service.get(true);
  service.take();
  service.request(tie::kTopicFileReputationSet, set_json(99, hashes_json(kMd5Base64, kSha1Base64)));
  service.get(true);
  for (const Sent& message : service.take()) EXPECT_NE(message.topic, tie::kTopicFilePrevalence);
  const tie::Reputations answer = service.ask();
  EXPECT_THAT(answer.find(Provider::kEnterprise)->attributes,
              testing::Contains(testing::Pair("2101652", "1")));
}

TEST(CommandProcessor, L11CountsASystemOnceWhateverTheCaseOfItsName) {
  ServiceFixture service;
  service.get();  // cached as unknown, so that both lookups fall into one group
  service.take();
  service.request(tie::kTopicFileReputation, get_json(true), "{Agent}");
  service.request(tie::kTopicFileReputation, get_json(true), "{AGENT}");
  service.take();
  const tie::Reputations answer = service.ask();
  EXPECT_THAT(answer.find(Provider::kEnterprise)->attributes,
              testing::Contains(testing::Pair("2101652", "1")));
  EXPECT_EQ(service.store.enterprise_size(), 1U);
}

// A change id that is on the wire must not be given out again after a power cut.
TEST(CommandProcessor, ALookupThatPublishesAChangeIsSynced) {
  ServiceFixture service;
  const std::string sha1_only = R"([{"type":"sha1","value":")" + std::string(kSha1Base64) + "\"}]";
  service.report(report_json(50));
  service.request(tie::kTopicFileReputation, get_json(true, sha1_only));
  service.take();
  service.store.commits.clear();
  service.request(tie::kTopicFileReputation, get_json(true, hashes_json(kMd5Base64, kSha1Base64)),
                  kBob);
  EXPECT_EQ(count_changes(service.take()), 1U) << "the records are merged";
  EXPECT_THAT(service.store.commits, ElementsAre(Durability::kSynced));
}

TEST(CommandProcessor, ContinuesTheChangeIdsOfTheStore) {
  ServiceFixture service;
  service.set(99);
  service.take();
  CommandProcessor restarted(service.context, service.store, service.clock);
  const auto results = restarted.process(
      {{.command = ReportCommand{.message_id = "{r}",
                                 .sender = std::string(kAlice),
                                 .report = *tie::decode_external_report(report_json(70))}}});
  EXPECT_THAT(results.at(0).events.at(0).payload, HasSubstr(R"("changeId":2)"));
}

}  // namespace
}  // namespace tiara::service
