// The decisions of TIE reference §12.2 about who asks and what a lookup does, row by row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

constexpr std::string_view kPrevalence = "2101652";
constexpr std::string_view kGuid = "{68125cd6-a5d8-11e6-348e-000c29663178}";

// The three lookups there are, of one file and one certificate each.
void look_up(ServiceFixture& service, std::string_view scan_type, std::string_view sender,
             std::string_view more = "") {
  const std::string scan =
      scan_type.empty() ? std::string() : fmt::format(R"(,"scanType":{})", scan_type);
  service.request(tie::kTopicFileReputation, metadata_json(scan + std::string(more), all_hashes()),
                  sender);
  service.request(tie::kTopicCertReputation, cert_json(scan + std::string(more)), sender);
  std::string batch = items_json({file_item(), cert_json(R"(,"type":"cert")")});
  batch.insert(batch.size() - 1, scan);
  service.request(tie::kTopicBatchGet, batch, sender);
}

TEST(Decisions, L4_ALookupWithScanType3LeavesEverythingAsItWas) {
  for (const bool known : {false, true}) {
    ServiceFixture service;
    if (known) {
      service.get(true);
      service.request(tie::kTopicCertReputation, get_cert_json(true));
      service.request(tie::kTopicFileReputationSet, set_json(1, hashes_json({}, kSha1Base64)));
      service.take();
      service.clock.advance(std::chrono::hours(48));
    }
    const StoreDump before = dump(service.store);
    const std::size_t commits = service.store.commits.size();
    look_up(service, "3", kBob);
    const std::vector<Sent> sent = service.take();
    EXPECT_THAT(topics_of(sent), ElementsAre(kReplyTopic, kReplyTopic, kReplyTopic));
    for (const Sent& answer : sent)
      EXPECT_THAT(answer.payload, Not(HasSubstr(R"("submitMetaData":1)")));
    EXPECT_EQ(dump(service.store), before);
    EXPECT_EQ(service.store.commits.size(), commits);
  }
}

TEST(Decisions, L4_AnyOtherScanTypeAndTheSettingMakeItAnEndpointsLookup) {
  for (const auto& [scan, setting] : {std::pair("1", false), std::pair("0", false),
                                      std::pair("null", false), std::pair("3", true)}) {
    ServiceFixture service;
    service.change_settings([&](auto& s) { s.lookup_count_scan_type_3 = setting; });
    look_up(service, scan, kBob);
    service.take();
    EXPECT_EQ(service.store.enterprise_size(), 1U) << scan;
    EXPECT_THAT(dump(service.store).references, ElementsAre(SizeIs(1), SizeIs(1))) << scan;
  }
}

TEST(Decisions, L8_AnOverrideIsNeverHiddenFromWhoAsksWithMoreDigests) {
  ServiceFixture service;
  service.set(1);  // of the MD5
  service.request(tie::kTopicFileReputation, get_json(true, hashes_json({}, kSha1Base64)));
  service.take();
  for (const bool endpoint : {false, true}) {
    const auto answer = tie::decode_reputations(
        service.exchange(tie::kTopicFileReputation, get_json(endpoint, all_hashes())).payload);
    EXPECT_EQ(answer->find(Provider::kEnterprise)->trust_level, TrustLevel::kKnownMalicious);
  }
  EXPECT_THAT(dump(service.store).files, SizeIs(testing::Ge(2U))) << "and yet nothing was tied";
}

TEST(Decisions, L8_AReportDoesNotExtendAnOverrideToAnotherDigestUnlessTold) {
  using Learn = reputation::Settings::MergeLearn;
  const std::string both =
      fmt::format(R"({{"file":{{"hashes":{{"md5":"{}","sha1":"{}"}},"reputation":{{"score":1}}}},)"
                  R"("provider":{{"id":15}}}})",
                  kMd5, sha1_of(kSha1Base64).to_hex());
  for (const auto& [learn, extended] :
       {std::pair(Learn::kSafe, false), std::pair(Learn::kNever, false),
        std::pair(Learn::kAlways, true)}) {
    ServiceFixture service;
    service.change_settings([&](auto& settings) { settings.merge_learn = learn; });
    service.set(99);
    service.report(both, kReporter);
    service.take();
    const tie::Reputations of_sha1 = service.ask(hashes_json({}, kSha1Base64));
    EXPECT_EQ(of_sha1.find(Provider::kEnterprise)->trust_level,
              extended ? TrustLevel::kKnownTrusted : TrustLevel::kNotSet);
    EXPECT_EQ(of_sha1.find(Provider::kExternal)->trust_level, TrustLevel::kKnownMalicious);
  }
}

// Whoever asks first must not decide which file a later override means.
TEST(Decisions, L8_UnderNeverALookupTiesNoDigestsBeforeAnOverrideEither) {
  ServiceFixture service;
  service.change_settings(
      [](auto& settings) { settings.merge_learn = reputation::Settings::MergeLearn::kNever; });
  service.request(tie::kTopicFileReputation, get_json(true, all_hashes()), kReporter);
  service.take();
  service.request(tie::kTopicFileReputationSet, set_json(99, hashes_json(kMd5Base64)));
  service.take();
  const auto level_of = [&](const std::string& hashes) {
    return service.ask(hashes).find(Provider::kEnterprise)->trust_level;
  };
  EXPECT_EQ(level_of(hashes_json(kMd5Base64)), TrustLevel::kKnownTrusted);
  EXPECT_EQ(level_of(hashes_json({}, kSha1Base64)), TrustLevel::kNotSet);
  EXPECT_EQ(level_of(hashes_json({}, {}, kSha256Base64)), TrustLevel::kNotSet);
}

TEST(Decisions, L8_ASetTiesDigestsTogetherForGoodAndMergesWithOneEventEach) {
  ServiceFixture service;
  service.set(99);
  service.report(report_json(70));
  service.request(tie::kTopicFileReputationSet, set_json(1, hashes_json({}, kSha1Base64)));
  service.take();
  service.clock.advance(std::chrono::seconds(1));
  service.request(tie::kTopicFileReputationSet, set_json(15, all_hashes()));
  const auto events = payloads_on(tie::kTopicFileChangeBroadcast, service.take());
  ASSERT_THAT(events, SizeIs(2));
  for (const std::string& event : events) {
    const auto change = tie::decode_file_change(event);
    EXPECT_TRUE(change->hashes.md5 && change->hashes.sha1 && change->hashes.sha256);
  }
  for (const std::string& hashes : {hashes_json(kMd5Base64), hashes_json({}, kSha1Base64),
                                    hashes_json({}, {}, kSha256Base64)}) {
    const tie::Reputations answer = service.ask(hashes);
    EXPECT_EQ(answer.find(Provider::kEnterprise)->trust_level, TrustLevel::kMostLikelyMalicious);
    EXPECT_NE(answer.find(Provider::kExternal), nullptr) << hashes;
  }
}

// An equal MD5 says nothing about a file whose SHA-256 differs, and an equal SHA-256 outweighs a
// different MD5.
TEST(Decisions, L8_WeakerEqualityNeverBeatsAStrongerDifference) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet, set_json(99, all_hashes()));
  const std::string other_sha256 = base::to_base64(std::string(32, 'x'));
  const tie::Reputations other = service.ask(hashes_json(kMd5Base64, kSha1Base64, other_sha256));
  EXPECT_EQ(other.find(Provider::kEnterprise)->trust_level, TrustLevel::kNotSet);

  const std::string other_md5 = base::to_base64(std::string(16, 'x'));
  const std::string contradicting = hashes_json(other_md5, {}, kSha256Base64);
  EXPECT_EQ(service.ask(contradicting).find(Provider::kEnterprise)->trust_level,
            TrustLevel::kKnownTrusted);
  service.request(tie::kTopicFileReputationSet, set_json(85, contradicting));
  service.take();
  EXPECT_EQ(service.ask(hashes_json(other_md5)).find(Provider::kEnterprise)->trust_level,
            TrustLevel::kNotSet)
      << "the supplied digest is not stored";
  EXPECT_EQ(service.counters.digest_conflicts, 1U);
  EXPECT_THAT(service.history(file_item()),
              Contains(testing::Field(&tie::HistoryEntry::kind, "conflict")));
}

// Whoever tells it: §6.10 rule 4.
TEST(Decisions, L8_AContradictionIsKeptForAuditWhateverMessageHasIt) {
  const std::string contradicting =
      hashes_json(base::to_base64(std::string(16, 'x')), {}, kSha256Base64);
  const std::string hex(base::to_hex(*base::parse_base64(kSha256Base64)));
  const auto report = fmt::format(
      R"({{"file":{{"hashes":{{"md5":"{}","sha256":"{}"}},"reputation":{{"score":1}}}},)"
      R"("provider":{{"id":15}}}})",
      numbered_md5(7), hex);
  struct Message {
    std::string_view topic;
    std::string payload;
  };
  for (const Message& message : {Message{tie::kTopicFileReputationSet, set_json(85, contradicting)},
                                 Message{tie::kTopicFileReputation, get_json(true, contradicting)},
                                 Message{tie::kTopicFileMetadata, metadata_json("", contradicting)},
                                 Message{tie::kTopicExternalReport, report}}) {
    ServiceFixture service;
    service.request(tie::kTopicFileReputationSet, set_json(99, all_hashes()));
    message.topic == tie::kTopicExternalReport ? service.report(message.payload)
                                               : service.tell(message.topic, message.payload);
    service.take();
    EXPECT_EQ(service.counters.digest_conflicts, 1U) << message.topic;
    std::vector<std::string> kinds;
    for (const tie::HistoryEntry& entry : service.history(file_item(all_hashes())))
      kinds.push_back(entry.kind);
    EXPECT_THAT(kinds, Contains("conflict")) << message.topic;
  }
}

TEST(Decisions, L8_WhatEverybodyMayTellFillsTheAuditLogWithAFewContradictionsEachMinute) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet, set_json(99, all_hashes()));
  service.take();
  const auto tell_many = [&] {
    for (std::size_t i = 0; i < 500; ++i) {
      const std::string md5 = base::to_base64(tie::Md5::parse(numbered_md5(i))->view());
      service.tell(tie::kTopicFileMetadata, metadata_json("", hashes_json(md5, {}, kSha256Base64)));
    }
    service.take();
    return service.store.audit_head().count;
  };
  EXPECT_EQ(tell_many(), 61U);
  EXPECT_EQ(service.counters.digest_conflicts, 500U);
  service.clock.advance(std::chrono::seconds(60));
  EXPECT_EQ(tell_many(), 121U);
}

TEST(Decisions, L9_FirstInstanceOncePerFileHoweverItsRecordCameToBe) {
  struct Way {
    const char* name;
    void (*create)(ServiceFixture&);
    bool named;
  };
  const Way ways[] = {
      {"unknown", [](ServiceFixture&) {}, false},
      {"set", [](ServiceFixture& f) { f.set(99); }, true},
      {"report", [](ServiceFixture& f) { f.report(report_json(70)); }, true},
      {"sandbox", [](ServiceFixture& f) { f.sandbox(5); }, true},
      {"metadata", [](ServiceFixture& f) { f.tell(tie::kTopicFileMetadata, metadata_json()); },
       false},
  };
  for (const Way& way : ways) {
    ServiceFixture service;
    way.create(service);
    service.get(false);
    service.request(tie::kTopicFileReputation, get_json(true), "");
    EXPECT_THAT(topics_of(service.take()), Not(Contains(tie::kTopicFileFirstInstance))) << way.name;
    service.get(true);
    const auto events = payloads_on(tie::kTopicFileFirstInstance, service.take());
    ASSERT_THAT(events, SizeIs(1)) << way.name;
    const auto first = tie::decode_first_instance(events[0]);
    EXPECT_EQ(first->agent_guid, kAlice) << way.name;
    EXPECT_EQ(first->hashes, md5_hashes()) << way.name;
    EXPECT_EQ(first->name, way.named ? "a.exe" : "") << way.name;
    service.request(tie::kTopicFileReputation, get_json(true), kBob);
    EXPECT_THAT(topics_of(service.take()), Not(Contains(tie::kTopicFileFirstInstance))) << way.name;
  }
}

TEST(Decisions, L9_NeverForCertificatesAndAnewAfterAPurge) {
  ServiceFixture service;
  service.request(tie::kTopicCertReputation, get_cert_json(true));
  EXPECT_THAT(topics_of(service.take()), ElementsAre(kReplyTopic));
  service.get(true);
  EXPECT_THAT(topics_of(service.take()), Contains(tie::kTopicFileFirstInstance));
  service.clock.advance(std::chrono::hours(24 * 400));
  service.keep_house();
  service.get(true);
  EXPECT_THAT(topics_of(service.take()), Contains(tie::kTopicFileFirstInstance));
}

TEST(Decisions, L9_AMergeWithAFileThatHadItsEventCountsAsSent) {
  ServiceFixture service;
  service.get(true);
  service.request(tie::kTopicFileReputationSet, set_json(99, hashes_json({}, kSha1Base64)));
  service.take();
  service.request(tie::kTopicFileReputationSet, set_json(99, all_hashes()));
  service.request(tie::kTopicFileReputation, get_json(true, hashes_json({}, kSha1Base64)), kBob);
  EXPECT_THAT(topics_of(service.take()), Not(Contains(tie::kTopicFileFirstInstance)));
}

// Who the first references of the file say has asked.
std::vector<std::string> askers(ServiceFixture& service) {
  std::vector<std::string> names;
  for (const tie::FirstReference& each :
       service.agents(tie::kTopicFileAgents, agents_json()).agents)
    names.push_back(each.agent_guid);
  return names;
}

TEST(Decisions, L11_OnlyATrustedSenderMayNameAnotherSystemInALookup) {
  const std::string claim = fmt::format(R"(,"agentGuid":"{}")", kGuid);
  ServiceFixture service;
  service.change_settings(
      [](auto& settings) { settings.identity_trusted_senders = {std::string(kBob)}; });
  for (const std::string_view sender : {std::string_view(), kAlice, kBob})
    service.request(tie::kTopicFileReputation, metadata_json(claim), sender);
  EXPECT_THAT(askers(service), testing::UnorderedElementsAre(kAlice, kGuid));
  service.request(tie::kTopicCertReputation, cert_json(claim), kBob);
  service.take();
  EXPECT_EQ(service.agents(tie::kTopicCertAgents, cert_json()).agents.at(0).agent_guid, kGuid);
  service.request(tie::kTopicFileReputation, metadata_json(claim + R"(,"scanType":3)"), kBob);
  EXPECT_THAT(askers(service), SizeIs(2)) << "who marks itself as an API caller is no endpoint";
}

TEST(Decisions, L11_MetadataNamesItsSystemElseTheSenderIsIt) {
  ServiceFixture service;
  const auto detected_by = [&](std::string_view more, std::string_view sender) {
    service.tell(tie::kTopicFileMetadata, metadata_json(std::string(more) + R"(,"remediation":5)"),
                 sender);
    const auto events = payloads_on(tie::kTopicFileDetection, service.take());
    return tie::decode_detection(events.at(0))->agent_guid;
  };
  EXPECT_EQ(detected_by(fmt::format(R"(,"agentGuid":"{}")", kGuid), kAlice), kGuid);
  EXPECT_EQ(detected_by("", kBob), kBob);
  EXPECT_EQ(detected_by("", ""), "");
  EXPECT_EQ(service.store.enterprise_size(), 2U);
}

TEST(Decisions, L11_WithoutIdentityALookupIsAPureRead) {
  ServiceFixture service;
  look_up(service, "", "");
  look_up(service, "1", "", fmt::format(R"(,"agentGuid":"{}")", kGuid));
  EXPECT_THAT(service.take(), SizeIs(6));
  EXPECT_THAT(service.store.commits, IsEmpty());
}

TEST(Decisions, L11_NamesAreComparedWithoutCaseAndKeptAsReceived) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputation, get_json(true), "{AbC}");
  service.take();
  service.request(tie::kTopicFileReputation, get_json(true), "{aBc}");
  EXPECT_THAT(askers(service), ElementsAre("{AbC}"));
}

TEST(Decisions, L11_WithoutIdentitySetsAndReportsAreJudgedByTheSetting) {
  for (const bool accepted : {false, true}) {
    ServiceFixture service;
    service.change_settings(
        [&](auto& settings) { settings.authorization_accept_unidentified = accepted; });
    service.request(tie::kTopicFileReputationSet, set_json(99), "");
    service.request(tie::kTopicCertReputationSet, set_cert_json(99), "");
    service.report(report_json(70), "");
    EXPECT_EQ(count_changes(service.take()), accepted ? 3U : 0U);
  }
}

TEST(Decisions, L13_AFirstLookupIsAnsweredAsThingsWereThenAnnounced) {
  const auto expected =
      ElementsAre(kReplyTopic, tie::kTopicFileFirstInstance, tie::kTopicFilePrevalence);
  ServiceFixture unknown;
  unknown.get(true);
  std::vector<Sent> sent = unknown.take();
  EXPECT_THAT(topics_of(sent), expected);
  EXPECT_EQ(
      attribute(*tie::decode_reputations(sent[0].payload), Provider::kEnterprise, kPrevalence),
      "0");

  ServiceFixture cached;
  cached.set(99);
  cached.ask();
  cached.get(true);
  EXPECT_THAT(topics_of(cached.take()), expected);

  // Behind a set that is on its way: its answer and event come first.
  ServiceFixture behind;
  behind.set(99);
  behind.get(true);
  sent = behind.take();
  EXPECT_THAT(topics_of(sent),
              ElementsAre(kReplyTopic, tie::kTopicFileChangeBroadcast, tie::kTopicFileChange,
                          kReplyTopic, tie::kTopicFileFirstInstance, tie::kTopicFilePrevalence));
  const auto answer = tie::decode_reputations(sent[3].payload);
  EXPECT_EQ(answer->find(Provider::kEnterprise)->trust_level, TrustLevel::kKnownTrusted);
  EXPECT_EQ(attribute(*answer, Provider::kEnterprise, kPrevalence), "0");
}

TEST(Decisions, L13_NothingIsSentBeforeItIsCommitted) {
  ServiceFixture service;
  service.set(99);
  service.report(report_json(70));
  EXPECT_THAT(service.sent, IsEmpty());
  service.store.full = true;
  EXPECT_THAT(topics_of(service.take()), ElementsAre(kReplyTopic));
}

TEST(Decisions, L19_PrevalentNeedsTheNumberAndTheShareAndStays) {
  ServiceFixture service;
  service.change_settings([](auto& settings) {
    settings.prevalence_min_systems = 2;
    settings.prevalence_min_share = 0.003;
    settings.enterprise_size = 1'000;
  });
  std::vector<bool> prevalent;
  for (const char system : {'1', '2', '3', '4'}) {
    service.request(tie::kTopicFileReputation, get_json(true), std::string(40, system));
    for (const std::string& event : payloads_on(tie::kTopicFilePrevalence, service.take())) {
      const auto decoded = tie::decode_prevalence(event);
      EXPECT_EQ(decoded->enterprise_count, prevalent.size() + 1);
      EXPECT_EQ(decoded->agent_first_reference, service.clock.epoch);
      EXPECT_EQ(decoded->hashes, md5_hashes());
      prevalent.push_back(decoded->prevalent);
    }
  }
  EXPECT_THAT(prevalent, ElementsAre(false, false, true)) << "and no event afterwards";
  service.change_settings([](auto& settings) { settings.prevalence_min_systems = 100; });
  EXPECT_EQ(attribute(service.ask(), Provider::kEnterprise, "2123156"), "1");
}

TEST(Decisions, L21_EveryRemediationIsADetectionAndNoChange) {
  struct Case {
    const char* name;
    std::string more;
    bool detected;
    int local = 0;
  };
  const Case cases[] = {
      {"unknown file", R"(,"remediation":5,"localRep":1,"name":"b.exe")", true, 1},
      {"known file", R"(,"remediation":5,"localRep":15)", true, 15},
      {"process", R"(,"remediation":5,"objectType":4)", true},
      {"none", R"(,"remediation":0)", false},
      {"of the anti-virus engine alone", R"(,"vseRemediation":20)", false},
  };
  ServiceFixture service;
  std::uint64_t detections = 0;
  for (const Case& each : cases) {
    service.clock.advance(std::chrono::seconds(10));
    service.tell(tie::kTopicFileMetadata, metadata_json(each.more));
    const std::vector<Sent> sent = service.take();
    EXPECT_EQ(sent.size(), each.detected ? 1U : 0U) << each.name;
    detections += each.detected ? 1 : 0;
    EXPECT_EQ(attribute(service.ask(), Provider::kEnterprise, "2113685"),
              std::to_string(detections))
        << each.name;
    if (!each.detected) continue;
    ASSERT_EQ(sent.at(0).topic, tie::kTopicFileDetection) << each.name;
    const auto detection = tie::decode_detection(sent[0].payload);
    EXPECT_EQ(detection->detection_time, service.clock.epoch) << each.name;
    EXPECT_EQ(detection->remediation_action, 5) << each.name;
    EXPECT_EQ(detection->local_reputation, each.local) << each.name;
  }
  EXPECT_EQ(service.counters.change_events, 0U);
}

}  // namespace
}  // namespace tiara::service
