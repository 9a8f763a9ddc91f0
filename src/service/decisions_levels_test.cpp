// The decisions of TIE reference §12.2 about levels and what is said about them, row by row, from
// JSON to messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

constexpr std::string_view kNameCount = "2114965";

TEST(Decisions, L1_AReportIsStoredBesideVerdictsAndCountsOnceTheyAreGone) {
  ServiceFixture service;
  service.set(99);
  service.sandbox(4);
  const tie::Reputations before = service.ask();
  service.report(report_json(1));
  EXPECT_EQ(count_changes(service.take()), 1U);
  EXPECT_EQ(service.outcome().outcome, "accepted");
  tie::Reputations after = service.ask();
  EXPECT_EQ(after.find(Provider::kExternal)->trust_level, TrustLevel::kKnownMalicious);
  after.entries.pop_back();
  EXPECT_EQ(after.entries, before.entries) << "no other entry changes";
  EXPECT_EQ(service.explanation().provider, Provider::kEnterprise);

  service.set(0);
  EXPECT_EQ(service.explanation().provider, Provider::kAtd);
  service.sandbox(-2);
  EXPECT_EQ(service.explanation().provider, Provider::kExternal);
  EXPECT_EQ(service.explanation().trust_level, TrustLevel::kKnownMalicious);
}

TEST(Decisions, L1_NothingIsStoredWhileTheSwitchIsOffAndWhatIsStoredStays) {
  ServiceFixture service;
  service.report(report_json(70));
  service.take();
  service.change_settings([](auto& settings) { settings.external_enabled = false; });
  service.report(report_json(1));
  EXPECT_THAT(service.take(), IsEmpty());
  EXPECT_THAT(service.outcome().reason, testing::StartsWith("disabled"));
  EXPECT_EQ(service.level(Provider::kExternal), TrustLevel::kMightBeTrusted);
}

TEST(Decisions, L2_AnEmptyMissingOrNullNameIsAcceptedUnlessTheSettingForbidsIt) {
  const std::string whole = report_json(70, "");
  const std::string attributes = R"("attributes":{"filename":""},)";
  const auto with = [&](std::string_view instead) {
    std::string text = whole;
    return text.replace(text.find(attributes), attributes.size(), instead);
  };
  for (const std::string& payload :
       {whole, with(""), with(R"("attributes":null,)"), with(R"("attributes":{},)"),
        with(R"("attributes":{"filename":null},)")}) {
    ServiceFixture service;
    service.report(payload);
    service.take();
    EXPECT_EQ(service.outcome().outcome, "accepted") << payload;
    EXPECT_EQ(attribute(service.ask(), Provider::kEnterprise, kNameCount), "0") << payload;

    ServiceFixture strict;
    strict.change_settings([](auto& settings) { settings.external_require_filename = true; });
    strict.report(payload);
    EXPECT_THAT(strict.take(), IsEmpty()) << payload;
    EXPECT_THAT(strict.outcome().reason, testing::StartsWith("filename")) << payload;
    EXPECT_THAT(strict.store.commits, IsEmpty()) << payload;
  }
}

TEST(Decisions, L3_LevelZeroRemovesTheOverrideOfAFileAndOfACertificateWithOneEventEach) {
  ServiceFixture service;
  service.set(99);
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  service.take();
  service.set(0);
  service.request(tie::kTopicCertReputationSet, set_cert_json(0));
  EXPECT_EQ(count_changes(service.take()), 2U);
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kNotSet);
  EXPECT_EQ(service.ask_certificate().find(Provider::kCertEnterprise)->trust_level,
            TrustLevel::kNotSet)
      << "the entry stays";
}

TEST(Decisions, L3_LevelZeroWithdrawsTheReportAndTheEventShowsIt) {
  ServiceFixture service;
  service.report(report_json(70));
  service.take();
  service.report(report_json(0));
  const auto change = tie::decode_file_change(service.take().at(0).payload);
  ASSERT_TRUE(change);
  EXPECT_NE(change->old_reputations.find(Provider::kExternal), nullptr);
  EXPECT_EQ(change->new_reputations.find(Provider::kExternal), nullptr);
  EXPECT_EQ(service.ask().find(Provider::kExternal), nullptr);
}

TEST(Decisions, L3_NothingToRemoveIsSuccessAndCreatesNothing) {
  ServiceFixture service;
  service.set(0);
  service.request(tie::kTopicCertReputationSet, set_cert_json(0));
  service.report(report_json(0));
  service.sandbox(-2);
  const std::vector<Sent> sent = service.take();
  EXPECT_THAT(topics_of(sent), ElementsAre(kReplyTopic, kReplyTopic));
  for (const Sent& answer : sent) EXPECT_EQ(answer.type, dxl::MessageType::kResponse);
  EXPECT_EQ(service.outcome().outcome, "unchanged");
  EXPECT_EQ(dump(service.store), dump(ServiceFixture().store));
}

TEST(Decisions, L5_AnUnknownFileIsAnsweredWithBothEntriesAtZeroAndDatesOfNow) {
  ServiceFixture service;
  for (const bool endpoint : {false, true}) {
    const auto answer = tie::decode_reputations(
        service.exchange(tie::kTopicFileReputation, get_json(endpoint)).payload);
    ASSERT_THAT(answer->entries, SizeIs(2));
    for (const Provider provider : {Provider::kGti, Provider::kEnterprise}) {
      EXPECT_EQ(answer->find(provider)->trust_level, TrustLevel::kNotSet);
      EXPECT_EQ(answer->find(provider)->create_date, service.clock.epoch);
    }
    EXPECT_EQ(attribute(*answer, Provider::kEnterprise, "2101652"), "0");
    EXPECT_EQ(attribute(*answer, Provider::kEnterprise, "2102165"), "1700000000");
    EXPECT_THAT(dump(service.store).files, SizeIs(endpoint ? 1 : 0));
  }
}

TEST(Decisions, L5_AnUnknownCertificateIsAnsweredWithBothEntriesAtZero) {
  ServiceFixture service;
  for (const bool endpoint : {false, true}) {
    const auto answer = tie::decode_reputations(
        service.exchange(tie::kTopicCertReputation, get_cert_json(endpoint)).payload);
    ASSERT_THAT(answer->entries, SizeIs(2));
    for (const Provider provider : {Provider::kCertGti, Provider::kCertEnterprise}) {
      EXPECT_EQ(answer->find(provider)->trust_level, TrustLevel::kNotSet);
      EXPECT_EQ(answer->find(provider)->create_date, service.clock.epoch);
    }
    EXPECT_EQ(attribute(*answer, Provider::kCertEnterprise, "2109333"), "0");
    EXPECT_EQ(attribute(*answer, Provider::kCertEnterprise, "2109589"), "1700000000");
    EXPECT_THAT(dump(service.store).certificates, SizeIs(endpoint ? 1 : 0));
  }
}

TEST(Decisions, L5_ReferencesOfUnknownSubjectsAreNoneAndCreateNothing) {
  ServiceFixture service;
  for (const auto& [topic, payload] : {std::pair(tie::kTopicFileAgents, agents_json()),
                                       std::pair(tie::kTopicCertAgents, cert_json())})
    EXPECT_EQ(service.exchange(topic, payload).payload, R"({"totalCount":0,"agents":[]})");
  EXPECT_THAT(service.store.commits, IsEmpty());
}

TEST(Decisions, L5_SetsReportsAndMetadataCreateTheRecord) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet, set_json(99, numbered_hashes(1)));
  service.report(report_json(70, "", numbered_md5(2)));
  service.tell(tie::kTopicFileMetadata, metadata_json("", numbered_hashes(3)));
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  service.take();
  EXPECT_THAT(dump(service.store).files, SizeIs(3));
  EXPECT_THAT(dump(service.store).certificates, SizeIs(1));
}

TEST(Decisions, L6_AFilesEventHoldsWhatLookupsAnswerBeforeAndAfter) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet, set_json(99, all_hashes()));
  service.tell(tie::kTopicFileMetadata,
               metadata_json(signed_by_json() + R"(,"localRep":70)", all_hashes()));
  service.sandbox(5);
  const tie::Reputations before = service.ask();
  service.report(report_json(70));
  const std::string payload = service.take().at(0).payload;
  const tie::Reputations after = service.ask();

  const auto change = tie::decode_file_change(payload);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->hashes, dump(service.store).files.at(0).hashes) << "all digests known";
  EXPECT_EQ(change->old_reputations, before);
  EXPECT_EQ(change->new_reputations, after);
  EXPECT_EQ(change->old_reputations.server_time, service.clock.epoch);
  EXPECT_EQ(change->update_time, service.clock.epoch);
  EXPECT_EQ(change->signer, (tie::Certificate{.sha1 = sha1_of(kCertBase64),
                                              .public_key_sha1 = sha1_of(kKeyBase64)}));
  EXPECT_THAT(payload, Not(HasSubstr("submitMetaData")));
}

TEST(Decisions, L6_OfAnUnknownFileTheOldSnapshotIsThatOfAnUnknownFile) {
  ServiceFixture service;
  const tie::Reputations unknown = service.ask();
  service.set(99);
  const auto change = tie::decode_file_change(service.take().at(1).payload);
  EXPECT_EQ(change->old_reputations, unknown);
  EXPECT_EQ(change->signer, std::nullopt);
}

TEST(Decisions, L6_ACertificatesEventHasItsKeyAndNoListOfOverriddenFiles) {
  ServiceFixture service;
  service.tell(tie::kTopicFileMetadata, metadata_json(signed_by_json()));
  service.set(1);
  tie::Reputations before = service.ask_certificate();
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  const std::string payload = service.take().at(1).payload;
  tie::Reputations after = service.ask_certificate();
  before.overridden.reset();
  after.overridden.reset();

  const auto change = tie::decode_cert_change(payload);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->certificate.public_key_sha1, sha1_of(kKeyBase64));
  EXPECT_EQ(change->old_reputations, before);
  EXPECT_EQ(change->new_reputations, after);
  EXPECT_EQ(attribute(change->new_reputations, Provider::kCertEnterprise, "2122901"), "1");
  EXPECT_EQ(change->update_time, service.clock.epoch);
  EXPECT_THAT(payload, Not(HasSubstr("overridden")));
}

TEST(Decisions, L6_SeveralChangesOfOneFileInACommitAreOneEventEachInOrder) {
  ServiceFixture service;
  service.set(99);
  service.report(report_json(70));
  const auto events = payloads_on(tie::kTopicFileChangeBroadcast, service.take());
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(tie::decode_file_change(events[0])->new_reputations,
            tie::decode_file_change(events[1])->old_reputations);
}

TEST(Decisions, L7_CreateDateIsTheTimeOfTheLastLevelChangeAndOfTheLastReport) {
  ServiceFixture service;
  const std::int64_t start = service.clock.epoch;
  const auto dates = [&] {
    const tie::Reputations answer = service.ask();
    EXPECT_EQ(answer.find(Provider::kGti)->create_date, start);
    EXPECT_EQ(attribute(answer, Provider::kEnterprise, "2102165"), std::to_string(start));
    std::vector<std::int64_t> since_start{answer.find(Provider::kEnterprise)->create_date - start};
    for (const Provider provider : {Provider::kExternal, Provider::kAtd})
      if (const tie::Reputation* entry = answer.find(provider))
        since_start.push_back(entry->create_date - start);
    service.clock.advance(std::chrono::seconds(10));
    return since_start;
  };
  service.get(true);
  EXPECT_THAT(dates(), ElementsAre(0)) << "of the record";
  service.set(99);
  service.report(report_json(70));
  service.sandbox(1);
  EXPECT_THAT(dates(), ElementsAre(10, 10, 10));
  service.set(99);
  service.report(report_json(70));
  service.sandbox(1);
  EXPECT_THAT(dates(), ElementsAre(10, 20, 20));
  service.set(0);
  EXPECT_THAT(dates(), ElementsAre(30, 20, 20)) << "removal included";
}

TEST(Decisions, L7_EnterpriseKeepsTheRecordsTimeIfTheSettingSaysSo) {
  ServiceFixture service;
  service.context.basis.create_date = reputation::Settings::CreateDate::kRecord;
  const std::int64_t start = service.clock.epoch;
  service.report(report_json(70));
  service.take();
  service.clock.advance(std::chrono::seconds(10));
  service.set(99);
  EXPECT_EQ(service.ask().find(Provider::kEnterprise)->create_date, start);
}

TEST(Decisions, L12_TheSameLevelAgainStoresNameAndCommentWithoutAnEvent) {
  ServiceFixture service;
  const auto send_all = [&](std::string_view name, std::string_view comment) {
    service.request(tie::kTopicFileReputationSet,
                    set_json(99, hashes_json(kMd5Base64), name, comment));
    service.report(report_json(70, fmt::format("r-{}", name)));
    service.sandbox(1);
    service.request(tie::kTopicCertReputationSet, set_cert_json(99));
    return service.take();
  };
  EXPECT_EQ(count_changes(send_all("a.exe", "first")), 4U);
  const auto updates = dump(service.store).updates;
  service.clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(count_changes(send_all("b.exe", "second")), 0U);
  EXPECT_EQ(service.outcome().outcome, "unchanged");
  EXPECT_EQ(dump(service.store).updates, updates) << "not listed in updates";
  const tie::FileInfo info = service.info();
  EXPECT_EQ(info.comment, "second");
  EXPECT_THAT(*info.names, ElementsAre("a.exe", "r-a.exe", "b.exe", "r-b.exe"));
}

}  // namespace
}  // namespace tiara::service
