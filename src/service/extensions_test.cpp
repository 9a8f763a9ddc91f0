// The extensions (extensions.md) end to end: batches, explain, history, outcomes, change ids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using store::Durability;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

tie::BatchReputations get_batch(ServiceFixture& service, const std::vector<std::string>& items) {
  std::string payload = items_json(items);
  payload.insert(payload.size() - 1, R"(,"scanType":3)");
  return value_of(
      tie::decode_batch_reputations(service.exchange(tie::kTopicBatchGet, payload).payload));
}

std::vector<tie::BatchOutcome> set_batch(ServiceFixture& service,
                                         const std::vector<std::string>& items,
                                         std::string_view sender = kAlice) {
  return value_of(tie::decode_batch_outcomes(
      service.exchange(tie::kTopicBatchSet, items_json(items), sender).payload));
}

std::vector<std::string> names_of(const std::vector<tie::BatchOutcome>& outcomes) {
  std::vector<std::string> names;
  for (const tie::BatchOutcome& each : outcomes) names.push_back(each.outcome);
  return names;
}

TEST(BatchGet, KeepsTheOrderAndAnErrorConcernsItsItemAlone) {
  ServiceFixture service;
  service.set(99);
  service.request(tie::kTopicCertReputationSet, set_cert_json(1));
  service.take();
  const std::string bad = file_item("[" + hash_json("md5", "AAAA") + "]");
  const tie::BatchReputations answer =
      get_batch(service, {file_item(numbered_hashes(1)), bad, file_item(),
                          cert_json(R"(,"type":"cert")"), "7", file_item("[]")});
  ASSERT_THAT(answer.items, SizeIs(6));
  const auto level = [&](std::size_t item, Provider provider) {
    return answer.items[item].reputations.find(provider)->trust_level;
  };
  EXPECT_EQ(level(0, Provider::kEnterprise), TrustLevel::kNotSet) << "unknown is no error";
  EXPECT_EQ(answer.items[1].error->code, tie::ServiceError::kBadHashes);
  EXPECT_EQ(level(2, Provider::kEnterprise), TrustLevel::kKnownTrusted);
  EXPECT_EQ(level(3, Provider::kCertEnterprise), TrustLevel::kKnownMalicious);
  EXPECT_EQ(answer.items[4].error->code, tie::ServiceError::kBadRequest);
  EXPECT_EQ(answer.items[5].error->code, tie::ServiceError::kBadHashes);
  EXPECT_EQ(answer.server_time, service.clock.epoch);
}

TEST(BatchGet, TakesAThousandItemsAndNotOneMore) {
  ServiceFixture service;
  std::vector<std::string> items;
  for (std::size_t i = 0; i < 1'000; ++i) items.push_back(file_item(numbered_hashes(i)));
  EXPECT_THAT(get_batch(service, items).items, SizeIs(1'000));
  items.push_back(file_item());
  const Sent refused = service.exchange(tie::kTopicBatchGet, items_json(items));
  EXPECT_EQ(refused.error_code, 1U);
  EXPECT_THAT(refused.error_message, HasSubstr("1000"));
  EXPECT_THAT(get_batch(service, {}).items, IsEmpty());
}

TEST(BatchGet, OfAnEndpointCountsEachItem) {
  ServiceFixture service;
  service.exchange(tie::kTopicBatchGet, items_json({file_item(), file_item(numbered_hashes(1)),
                                                    cert_json(R"(,"type":"cert")")}));
  EXPECT_EQ(payloads_on(tie::kTopicFileFirstInstance, service.others).size(), 2U);
  EXPECT_THAT(dump(service.store).references, Each(SizeIs(1)));
  EXPECT_EQ(dump(service.store).references.size(), 3U);
}

TEST(BatchGet, WaitsBehindASetOfOneOfItsItems) {
  ServiceFixture service;
  service.ask();
  service.set(99);
  service.request(tie::kTopicBatchGet, items_json({file_item(numbered_hashes(1)), file_item()}));
  service.run_reads();
  EXPECT_THAT(service.sent, IsEmpty());
  const auto answers = payloads_on(kReplyTopic, service.take());
  const auto batch = value_of(tie::decode_batch_reputations(answers.at(1)));
  EXPECT_EQ(batch.items.at(1).reputations.find(Provider::kEnterprise)->trust_level,
            TrustLevel::kKnownTrusted);
}

TEST(BatchSet, IsOneSyncedCommitWithTheEventsBehindTheAnswer) {
  ServiceFixture service;
  service.set(99);
  service.take();
  service.store.commits.clear();
  service.request(tie::kTopicBatchSet,
                  items_json({set_item(3, 1, numbered_hashes(1)), set_item(15, 70), set_item(3, 99),
                              set_cert_item(15), set_item(3, 42)}));
  const std::vector<Sent> sent = service.take();
  EXPECT_THAT(topics_of(sent),
              ElementsAre(kReplyTopic, tie::kTopicFileChangeBroadcast, tie::kTopicFileChange,
                          tie::kTopicFileChangeBroadcast, tie::kTopicFileChange,
                          tie::kTopicCertChangeBroadcast, tie::kTopicCertChange));
  const auto outcomes = value_of(tie::decode_batch_outcomes(sent.at(0).payload));
  EXPECT_THAT(names_of(outcomes),
              ElementsAre("changed", "changed", "unchanged", "changed", "refused"));
  EXPECT_THAT(outcomes.at(4).reason, HasSubstr("42"));
  EXPECT_THAT(service.store.commits, ElementsAre(Durability::kSynced));
}

TEST(BatchSet, ChangesOfOneFileFollowEachOther) {
  ServiceFixture service;
  EXPECT_THAT(names_of(set_batch(service, {set_item(3, 1), set_item(3, 99), set_item(3, 99),
                                           set_item(3, 0), set_item(15, 0)})),
              ElementsAre("changed", "changed", "unchanged", "changed", "unchanged"));
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kNotSet);
}

TEST(BatchSet, OnAFullDiskEveryItemIsRefusedAsUnavailableAndNothingChanges) {
  ServiceFixture service;
  service.set(99);
  service.take();
  const StoreDump before = dump(service.store);
  service.store.full = true;
  for (int round = 0; round < 2; ++round) {  // the second within the back-off
    const auto outcomes = set_batch(service, {set_item(3, 1), set_item(15, 70), set_cert_item(1)});
    EXPECT_THAT(names_of(outcomes), ElementsAre("refused", "refused", "refused"));
    EXPECT_THAT(outcomes,
                Each(Field(&tie::BatchOutcome::reason, testing::StartsWith("unavailable: "))));
    EXPECT_THAT(service.others, IsEmpty());
  }
  EXPECT_EQ(dump(service.store), before);
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kKnownTrusted);
}

TEST(BatchSet, TakesAThousandItemsInOneCommitAndNotOneMore) {
  ServiceFixture service;
  std::vector<std::string> items;
  for (std::size_t i = 0; i < 1'000; ++i) items.push_back(set_item(3, 99, numbered_hashes(i)));
  EXPECT_THAT(set_batch(service, items), Each(Field(&tie::BatchOutcome::outcome, "changed")));
  EXPECT_THAT(service.store.commits, ElementsAre(Durability::kSynced));
  items.push_back(set_item(3, 99));
  EXPECT_EQ(service.exchange(tie::kTopicBatchSet, items_json(items)).error_code, 1U);
  EXPECT_THAT(service.store.commits, SizeIs(1));
}

TEST(BatchSet, IsRefusedWholeWhenTheWriterIsBehind) {
  ServiceFixture service;
  service.write_limit = 0;
  EXPECT_EQ(service.exchange(tie::kTopicBatchSet, items_json({set_item(3, 1)})).error_code, 8U);
}

TEST(Explain, NamesTheStepThatDecidedAndWhatEachLookedAt) {
  ServiceFixture service;
  EXPECT_EQ(service.explanation().provider, std::nullopt);
  service.report(report_json(1));
  tie::Explanation explanation = service.explanation();
  EXPECT_EQ(explanation.provider, Provider::kExternal);
  EXPECT_EQ(explanation.trust_level, TrustLevel::kKnownMalicious);
  // The signer's override is step 2; an override shuts External out.
  service.tell(tie::kTopicFileMetadata, metadata_json(signed_by_json()));
  service.request(tie::kTopicCertReputationSet, set_cert_json(50));
  explanation = service.explanation();
  EXPECT_EQ(explanation.provider, Provider::kCertEnterprise);
  EXPECT_EQ(explanation.step, 2);
  EXPECT_THAT(explanation.steps, SizeIs(8));
  for (const tie::ExplainStep& step : explanation.steps)
    EXPECT_EQ(step.matched, step.step == 2 || step.step == 7 ? step.step == 2 : false) << step.step;
  const auto of_certificate = value_of(tie::decode_explanation(
      service.exchange(tie::kTopicExplain, cert_json(R"(,"type":"cert")")).payload));
  EXPECT_EQ(of_certificate.trust_level, TrustLevel::kUnknown);
}

TEST(History, TellsNewestFirstWhoSetWhatAndWhy) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet,
                  set_json(99, hashes_json(kMd5Base64), "a.exe", "first"));
  service.take();
  service.clock.advance(std::chrono::seconds(10));
  service.report(report_json(70, "a.exe", kMd5, "second"));
  service.sandbox(5);
  service.take();
  service.clock.advance(std::chrono::seconds(10));
  service.request(tie::kTopicFileReputationSet,
                  set_json(0, hashes_json(kMd5Base64), "a.exe", "third"), kAdmin);
  const std::int64_t now = service.clock.epoch;
  const tie::HistoryEntry third{.time = now,
                                .provider = Provider::kEnterprise,
                                .old_level = TrustLevel::kKnownTrusted,
                                .new_level = TrustLevel::kNotSet,
                                .comment = "third",
                                .kind = "enterprise",
                                .actor_certificate = std::string(kAdmin),
                                .actor_name = "",
                                .actor_client_id = ""};
  const tie::HistoryEntry first{.time = now - 20,
                                .provider = Provider::kEnterprise,
                                .old_level = TrustLevel::kNotSet,
                                .new_level = TrustLevel::kKnownTrusted,
                                .comment = "first",
                                .kind = "enterprise",
                                .actor_certificate = std::string(kAlice),
                                .actor_name = "alice",
                                .actor_client_id = ""};
  const auto entries = service.history(file_item());
  ASSERT_THAT(entries, SizeIs(4));
  EXPECT_EQ(entries[0], third);
  EXPECT_EQ(entries[1].kind, "sandbox");
  EXPECT_EQ(entries[2].kind, "external");
  EXPECT_EQ(entries[2].comment, "second");
  EXPECT_EQ(entries[3], first);
  EXPECT_THAT(service.history(R"({"limit":1,"hashes":)" + hashes_json(kMd5Base64) + "}"),
              ElementsAre(third));
}

TEST(History, GoesBackBehindAMergeAndStaysAfterAPurge) {
  ServiceFixture service;
  service.report(report_json(70));
  service.request(tie::kTopicFileReputationSet, set_json(1, hashes_json({}, kSha1Base64)));
  service.take();
  service.request(tie::kTopicFileReputationSet, set_json(0, all_hashes()));
  service.take();
  const auto kinds = [](const std::vector<tie::HistoryEntry>& entries) {
    std::vector<std::string> names;
    for (const tie::HistoryEntry& entry : entries) names.push_back(entry.kind);
    return names;
  };
  const auto before = kinds(service.history(file_item()));
  EXPECT_THAT(before, testing::IsSupersetOf({"external", "enterprise", "merge"}));
  service.clock.advance(std::chrono::hours(24 * 400));
  service.keep_house();
  EXPECT_THAT(dump(service.store).files, IsEmpty());
  auto after = kinds(service.history(file_item()));
  ASSERT_FALSE(after.empty());
  EXPECT_EQ(after.front(), "retention");
  EXPECT_THAT(after, testing::Contains("external"));
}

TEST(History, OfACertificateIsItsOwn) {
  ServiceFixture service;
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  // The same digest as a file's.
  service.request(tie::kTopicFileReputationSet, set_json(1, hashes_json({}, kCertBase64)));
  const auto entries = service.history(cert_json(R"(,"type":"cert")"));
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].provider, Provider::kCertEnterprise);
}

TEST(ReportOutcome, TellsEachOutcomeWithItsTime) {
  ServiceFixture service;
  service.report(report_json(70));
  EXPECT_EQ(service.outcome().outcome, "unknown") << "not decided yet";
  service.take();
  EXPECT_EQ(service.outcome(),
            (tie::ReportOutcome{.outcome = "accepted", .reason = "", .time = service.clock.epoch}));
  service.clock.advance(std::chrono::seconds(5));
  service.report(report_json(70));
  service.take();
  EXPECT_EQ(service.outcome().outcome, "unchanged");
  EXPECT_EQ(service.outcome().time, service.clock.epoch);
  service.report(report_json(42));
  EXPECT_EQ(service.outcome().outcome, "refused");
  EXPECT_THAT(service.outcome().reason, HasSubstr("42"));
}

TEST(ChangeId, CountsWithoutHolesAndTheCauseNamesWhatWroteIt) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.external_max_age_days = 1; });
  service.set(99);
  service.report(report_json(70));
  service.sandbox(5);
  service.request(tie::kTopicCertReputationSet, set_cert_json(1));
  std::vector<Sent> sent = service.take();
  // A lookup that merges two records.
  service.report(report_json(50, "", numbered_md5(1)));
  service.request(tie::kTopicFileReputation,
                  get_json(true, hashes_json({}, base::to_base64(std::string(20, 'x')))));
  const auto add = [&](const std::vector<Sent>& more) {
    sent.insert(sent.end(), more.begin(), more.end());
  };
  add(service.take());
  service.request(
      tie::kTopicFileReputation,
      get_json(true, hashes_json(base::to_base64(tie::Md5::parse(numbered_md5(1))->view()),
                                 base::to_base64(std::string(20, 'x')))),
      kBob);
  add(service.take());
  service.clock.advance(std::chrono::hours(24));
  add(service.keep_house());

  std::vector<std::uint64_t> ids;
  std::vector<std::string> causes;
  for (const Sent& event : sent) {
    if (event.topic == tie::kTopicFileChangeBroadcast) {
      const auto change = value_of(tie::decode_file_change(event.payload));
      ids.push_back(change.change_id);
      causes.push_back(change.cause->kind);
    } else if (event.topic == tie::kTopicCertChangeBroadcast) {
      const auto change = value_of(tie::decode_cert_change(event.payload));
      ids.push_back(change.change_id);
      causes.push_back(change.cause->kind);
    }
  }
  EXPECT_THAT(ids, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(causes, ElementsAre("enterprise", "external", "sandbox", "enterprise", "external",
                                  "merge", "retention", "retention"));
}

TEST(FileInfo, ShowsWhatIsKnownAndSearchFindsItByNameAndDigest) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet, set_json(99, all_hashes()));
  service.tell(tie::kTopicFileMetadata,
               metadata_json(R"(,"size":7,"companyName":"C","path":"p","localRep":70)"));
  service.take();
  const tie::FileInfo info = service.info();
  EXPECT_TRUE(info.hashes.md5 && info.hashes.sha1 && info.hashes.sha256);
  EXPECT_EQ(info.size, 7U);
  EXPECT_EQ(info.company, "C");
  EXPECT_EQ(info.enterprise.level, TrustLevel::kKnownTrusted);
  EXPECT_EQ(info.composite,
            tie::to_composite_text(TrustLevel::kKnownTrusted, Provider::kEnterprise));
  EXPECT_EQ(info.first_contact, service.clock.epoch * 1'000);
  const auto found = [&](std::string_view text) {
    return service.infos(tie::kTopicFileSearch, fmt::format(R"({{"searchString":"{}"}})", text));
  };
  EXPECT_THAT(found("A.E"), ElementsAre(info));
  EXPECT_THAT(found(kMd5), ElementsAre(info));
  EXPECT_THAT(found("nothing"), IsEmpty());
  EXPECT_THAT(service.infos(tie::kTopicFileInfo, info_json(numbered_hashes(1))), IsEmpty());
}

}  // namespace
}  // namespace tiara::service
