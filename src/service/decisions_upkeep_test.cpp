// The decisions of TIE reference §12.2 about certificates and about what is kept, row by row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

// Signed by the certificate, with an override.
void override_signed(ServiceFixture& service, std::size_t number, int level = 1) {
  service.tell(tie::kTopicFileMetadata, metadata_json(signed_by_json(), numbered_hashes(number)));
  service.request(tie::kTopicFileReputationSet, set_json(level, numbered_hashes(number)));
  service.take();
  service.clock.advance(std::chrono::seconds(1));
}

std::vector<std::string> overridden_files(const tie::Reputations& answer) {
  std::vector<std::string> names;
  if (answer.overridden)
    for (const tie::FileHashes& file : answer.overridden->files)
      names.push_back(file.md5->to_hex());
  return names;
}

TEST(Decisions, L18_OverriddenListsSignedFilesNewestFirstUpToTheLimitInBothPlaces) {
  ServiceFixture service;
  for (const std::size_t number : {1, 2, 3}) override_signed(service, number);
  tie::Reputations answer = service.ask_certificate();
  EXPECT_THAT(overridden_files(answer),
              ElementsAre(numbered_md5(3), numbered_md5(2), numbered_md5(1)));
  EXPECT_FALSE(answer.overridden->truncated);

  service.change_settings([](auto& settings) { settings.overridden_max_files = 2; });
  const std::string payload =
      service.exchange(tie::kTopicCertReputation, get_cert_json(false)).payload;
  answer = *tie::decode_reputations(payload);
  EXPECT_THAT(overridden_files(answer), ElementsAre(numbered_md5(3), numbered_md5(2)));
  EXPECT_TRUE(answer.overridden->truncated);
  const std::size_t first = payload.find(R"("overridden":{)");
  const std::size_t second = payload.find(R"("overridden":{)", first + 1);
  ASSERT_NE(second, std::string::npos);
  const std::size_t length = payload.find("]}]", first) + 3 - first;
  EXPECT_EQ(payload.substr(first, length), payload.substr(second, length));
}

TEST(Decisions, L18_TheAttributeTellsTheTruthAndRemovedOverridesAreGone) {
  ServiceFixture service;
  const auto has = [&] {
    return attribute(service.ask_certificate(), Provider::kCertEnterprise, "2122901");
  };
  EXPECT_EQ(has(), "0");
  EXPECT_EQ(service.ask_certificate().overridden, std::nullopt);
  override_signed(service, 1);
  EXPECT_EQ(has(), "1");
  service.change_settings([](auto& settings) { settings.overridden_max_files = 0; });
  EXPECT_EQ(has(), "1");
  override_signed(service, 1, 0);
  EXPECT_EQ(has(), "0");
}

TEST(Decisions, L18_AnOverrideThatWasThereBeforeTheSignerIsListedToo) {
  ServiceFixture service;
  service.set(1);
  service.tell(tie::kTopicFileMetadata, metadata_json(signed_by_json()));
  service.take();
  EXPECT_THAT(overridden_files(service.ask_certificate()), ElementsAre(kMd5));
}

TEST(Decisions, L20_WhatIsUnusedForThePeriodGoesWithAllThatIsAttached) {
  ServiceFixture service;
  service.get(true);
  service.report(report_json(70));
  service.request(tie::kTopicCertReputation, get_cert_json(true));
  service.take();
  service.clock.advance(std::chrono::hours(24 * 365));
  EXPECT_THAT(service.keep_house(), IsEmpty());
  EXPECT_THAT(dump(service.store).files, SizeIs(1));
  service.clock.advance(std::chrono::hours(48));
  EXPECT_THAT(service.keep_house(), IsEmpty()) << "a purge sends no event";
  EXPECT_THAT(dump(service.store).files, IsEmpty());
  EXPECT_THAT(dump(service.store).certificates, IsEmpty());
  EXPECT_EQ(service.agents(tie::kTopicFileAgents, agents_json()).total_count, 0U);
  EXPECT_EQ(service.agents(tie::kTopicCertAgents, cert_json()).total_count, 0U);
  EXPECT_EQ(service.ask().find(Provider::kExternal), nullptr);
  EXPECT_THAT(service.infos(tie::kTopicFileSearch, R"({"searchString":"a.exe"})"), IsEmpty());
  EXPECT_EQ(service.counters.purged, 2U);
}

TEST(Decisions, L20_OverridesAreNeverPurged) {
  ServiceFixture service;
  service.set(50);
  service.request(tie::kTopicCertReputationSet, set_cert_json(50));
  service.take();
  service.clock.advance(std::chrono::hours(24 * 10'000));
  EXPECT_THAT(service.keep_house(), IsEmpty());
  EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kUnknown);
  EXPECT_EQ(service.ask_certificate().find(Provider::kCertEnterprise)->trust_level,
            TrustLevel::kUnknown);
}

TEST(Decisions, L23_TheFirstPublicKeyIsKeptAndAnotherCounted) {
  ServiceFixture service;
  service.request(tie::kTopicCertReputationSet, set_cert_json(99, ""));
  service.request(tie::kTopicCertReputationSet, set_cert_json(85, kKeyBase64));
  service.request(tie::kTopicCertReputationSet, set_cert_json(70, kOtherKeyBase64));
  const auto events = payloads_on(tie::kTopicCertChangeBroadcast, service.take());
  ASSERT_THAT(events, SizeIs(3));
  const auto key = [&](std::size_t event) {
    return tie::decode_cert_change(events[event])->certificate.public_key_sha1;
  };
  EXPECT_EQ(key(0), std::nullopt);
  EXPECT_EQ(key(1), sha1_of(kKeyBase64));
  EXPECT_EQ(key(2), sha1_of(kKeyBase64));
  EXPECT_EQ(service.counters.digest_conflicts, 1U);
}

TEST(Decisions, L23_AnotherKeyIsKeptForAuditWhateverMessageHasIt) {
  for (const std::string_view topic :
       {tie::kTopicCertReputationSet, tie::kTopicCertReputation, tie::kTopicCertMetadata}) {
    ServiceFixture service;
    service.request(tie::kTopicCertReputationSet, set_cert_json(99));
    service.tell(topic, topic == tie::kTopicCertReputationSet ? set_cert_json(85, kOtherKeyBase64)
                                                              : cert_json("", kOtherKeyBase64));
    service.take();
    std::vector<std::string> kinds;
    for (const tie::HistoryEntry& entry : service.history(cert_json(R"(,"type":"cert")")))
      kinds.push_back(entry.kind);
    EXPECT_THAT(kinds, testing::Contains("conflict")) << topic;
    EXPECT_EQ(service.counters.digest_conflicts, 1U) << topic;
  }
}

TEST(Decisions, L23_AKnownKeyUnderAnUnknownSha1IsAnUnknownCertificate) {
  ServiceFixture service;
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  service.take();
  const std::string other =
      cert_json(R"(,"scanType":3)", kKeyBase64, base::to_base64(std::string(20, 'x')));
  const auto answer =
      tie::decode_reputations(service.exchange(tie::kTopicCertReputation, other).payload);
  EXPECT_EQ(answer->find(Provider::kCertEnterprise)->trust_level, TrustLevel::kNotSet);
}

TEST(Decisions, L24_CertificateLookupsCountAndFileLookupsOnlyStoreTheRelation) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputation, metadata_json(signed_by_json()), kAlice);
  service.tell(tie::kTopicFileMetadata, metadata_json(signed_by_json(), numbered_hashes(1)));
  service.take();
  EXPECT_EQ(service.info().cert_sha1, sha1_of(kCertBase64));
  EXPECT_EQ(service.info(numbered_hashes(1)).cert_sha1, sha1_of(kCertBase64));
  EXPECT_EQ(service.agents(tie::kTopicCertAgents, cert_json()).total_count, 0U);
  EXPECT_EQ(attribute(service.ask_certificate(), Provider::kCertEnterprise, "2109333"), "0");

  for (const std::string_view sender : {kAlice, kAlice, kBob})
    service.request(tie::kTopicCertReputation, get_cert_json(true), sender);
  EXPECT_THAT(topics_of(service.take()), ElementsAre(kReplyTopic, kReplyTopic, kReplyTopic));
  const tie::FirstReferences references = service.agents(tie::kTopicCertAgents, cert_json());
  EXPECT_EQ(references.total_count, 2U);
  EXPECT_EQ(references.agents.at(0).agent_guid, kAlice);
  EXPECT_EQ(attribute(service.ask_certificate(), Provider::kCertEnterprise, "2109333"), "2");
}

}  // namespace
}  // namespace tiara::service
