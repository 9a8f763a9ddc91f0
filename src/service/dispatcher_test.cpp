#include "service/dispatcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"

namespace tiara::service {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

TEST(Dispatcher, L13AnswersASetBeforeItsEventsAndOnlyAfterTheCommit) {
  ServiceFixture service;
  service.set(99);
  EXPECT_THAT(service.sent, IsEmpty());
  const std::vector<Sent> sent = service.take();
  EXPECT_THAT(topics_of(sent),
              ElementsAre(kReplyTopic, tie::kTopicFileChangeBroadcast, tie::kTopicFileChange));
  EXPECT_EQ(sent[0].type, dxl::MessageType::kResponse);
  EXPECT_EQ(sent[0].payload, "");
  EXPECT_EQ(sent[0].request_message_id, "{request}");
  EXPECT_EQ(sent[0].broker_ids, std::vector<std::string>{"broker"});
  EXPECT_EQ(sent[0].client_ids, std::vector<std::string>{std::string(kAlice)});
  EXPECT_EQ(sent[1].payload, sent[2].payload);
}

TEST(Dispatcher, L6ChangeEventHoldsBothSnapshotsAndItsCause) {
  ServiceFixture service;
  service.report(report_json(70));
  const std::vector<Sent> sent = service.take();
  ASSERT_THAT(sent, SizeIs(2));
  const auto change = tie::decode_file_change(sent[0].payload);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->update_time, service.clock.epoch);
  EXPECT_EQ(change->old_reputations.find(Provider::kExternal), nullptr);
  EXPECT_NE(change->old_reputations.find(Provider::kEnterprise), nullptr);
  ASSERT_NE(change->new_reputations.find(Provider::kExternal), nullptr);
  EXPECT_EQ(change->new_reputations.find(Provider::kExternal)->trust_level,
            TrustLevel::kMightBeTrusted);
  EXPECT_EQ(change->new_reputations.find(Provider::kGti)->trust_level, TrustLevel::kNotSet);
  EXPECT_THAT(sent[0].payload,
              HasSubstr(R"("changeId":1,"cause":{"providerId":15,"kind":"external"})"));
}

TEST(Dispatcher, ALookupAfterAReportSeesIt) {
  ServiceFixture service;
  service.get();  // the digest is cached as unknown
  service.take();
  service.report(report_json(70));
  service.get();
  EXPECT_THAT(service.sent, IsEmpty()) << "the lookup must wait behind the report";
  service.run_writer();
  const auto answer = tie::decode_reputations(service.sent.back().payload);
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->find(Provider::kExternal), nullptr);
}

TEST(Dispatcher, AnswersACachedFileAtOnceWithoutTheStore) {
  ServiceFixture service;
  service.set(99);
  service.take();
  const std::size_t reads = service.store.reads;
  service.get();
  EXPECT_THAT(service.sent, SizeIs(1));
  EXPECT_EQ(service.store.reads, reads);
  EXPECT_THAT(service.writes, IsEmpty());
}

TEST(Dispatcher, L4ALookupWithScanType3ChangesNothing) {
  ServiceFixture service;
  service.get();
  const std::vector<Sent> sent = service.take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].payload, HasSubstr(R"("submitMetaData":0)"));
  EXPECT_THAT(service.store.commits, IsEmpty());
}

TEST(Dispatcher, L11ALookupWithoutIdentityIsAPureRead) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputation, get_json(true), "");
  const std::vector<Sent> sent = service.take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].payload, HasSubstr(R"("submitMetaData":0)"));
  EXPECT_THAT(sent[0].client_ids, IsEmpty());
  EXPECT_THAT(service.store.commits, IsEmpty());
}

TEST(Dispatcher, L5L9AnEndpointLookupIsAnsweredThenCountedThenAnnounced) {
  ServiceFixture service;
  service.get(true);
  const std::vector<Sent> sent = service.take();
  EXPECT_THAT(topics_of(sent),
              ElementsAre(kReplyTopic, tie::kTopicFileFirstInstance, tie::kTopicFilePrevalence));
  EXPECT_THAT(sent[0].payload, HasSubstr(R"("2101652":"0")"))
      << "the answer is the state before the request was counted";
  EXPECT_THAT(sent[0].payload, HasSubstr(R"("submitMetaData":1)"));
  EXPECT_THAT(sent[1].payload, HasSubstr(kAlice));
  EXPECT_THAT(sent[2].payload, HasSubstr(R"("enterpriseCount":1)"));
  EXPECT_EQ(service.store.enterprise_size(), 1U);
}

TEST(Dispatcher, RepeatedEndpointLookupsCostNothing) {
  ServiceFixture service;
  service.get(true);
  service.take();
  const std::size_t commits = service.store.commits.size();
  service.get(true);
  EXPECT_THAT(service.writes, IsEmpty());
  EXPECT_THAT(service.take(), SizeIs(1));
  EXPECT_EQ(service.store.commits.size(), commits);
}

TEST(Dispatcher, L20ARepeatedEndpointLookupRenewsTheRetentionOncePerDay) {
  ServiceFixture service;
  service.get(true);
  service.take();
  service.clock.advance(std::chrono::hours(24));
  service.get(true);
  EXPECT_THAT(service.take(), SizeIs(1));
  tie::FileHashes md5;
  md5.md5 = *tie::Md5::parse(kMd5);
  const auto stored = service.store.find(md5);
  const std::int64_t today = service.clock.epoch - service.clock.epoch % reputation::kSecondsPerDay;
  EXPECT_EQ(stored->at(0).last_used, today);
  service.get(true);
  EXPECT_THAT(service.writes, IsEmpty());
}

// The service may send events; a requester must not borrow that right through its reply topic.
TEST(Dispatcher, AnswersOnlyOnReplyTopicsOfClients) {
  for (const std::string_view topic :
       {std::string_view(), tie::kTopicFileChangeBroadcast, std::string_view("/mcafee/client/#")}) {
    ServiceFixture service;
    dxl::MessageView message;
    message.type = dxl::MessageType::kRequest;
    message.message_id = "{request}";
    message.reply_to_topic = topic;
    message.source_client_id = kAlice;
    for (const std::string& payload : {get_json(false), std::string("{")}) {
      message.payload = payload;
      service.dispatcher.on_message(tie::kTopicFileReputation, message);
    }
    EXPECT_THAT(service.take(), IsEmpty()) << topic;
  }
}

TEST(Dispatcher, L14L17RefusesBadPayloadsWithTheirCodeAndNoChange) {
  const struct {
    std::string_view topic;
    std::string payload;
    std::uint32_t code;
  } cases[] = {
      {tie::kTopicFileReputation, "", 1},
      {tie::kTopicFileReputation, "[]", 1},
      {tie::kTopicFileReputation, R"({"hashes":[]})", 2},
      {tie::kTopicFileReputation, R"({"hashes":[{"type":"md5","value":"AAAA"}]})", 2},
      {tie::kTopicFileReputationSet, R"({"hashes":)" + hashes_json(kMd5Base64) + "}", 1},
      {tie::kTopicFileReputationSet, set_json(42), 3},
      {tie::kTopicFileReputationSet,
       R"({"trustLevel":99,"providerId":15,"hashes":)" + hashes_json(kMd5Base64) + "}", 4},
      {tie::kTopicReportOutcome, "{}", 1},
      {"/mcafee/service/tie/elsewhere", "{}", 9},
  };
  for (const auto& [topic, payload, code] : cases) {
    ServiceFixture service;
    service.request(topic, payload);
    const std::vector<Sent> sent = service.take();
    ASSERT_THAT(sent, SizeIs(1)) << payload;
    EXPECT_EQ(sent[0].type, dxl::MessageType::kErrorResponse) << payload;
    EXPECT_EQ(sent[0].error_code, code) << payload;
    EXPECT_NE(sent[0].error_message, "") << payload;
    EXPECT_THAT(service.store.commits, IsEmpty()) << payload;
  }
}

TEST(Dispatcher, L11RefusesASetWithoutSenderUnlessTheSettingAllowsIt) {
  ServiceFixture service;
  service.request(tie::kTopicFileReputationSet, set_json(99), "");
  EXPECT_EQ(service.take().back().error_code, 6U);
  service.change_settings([](auto& s) { s.authorization_accept_unidentified = true; });
  service.request(tie::kTopicFileReputationSet, set_json(99), "");
  EXPECT_EQ(service.take().front().type, dxl::MessageType::kResponse);
}

TEST(Dispatcher, AnswersUnavailableWhenTheWriterIsBehind) {
  ServiceFixture service;
  service.write_limit = 0;
  service.set(99);
  EXPECT_EQ(service.sent.back().error_code, 8U);
  service.report(report_json(70));
  EXPECT_EQ(service.outcome().outcome, "refused");
  EXPECT_THAT(service.outcome().reason, HasSubstr("unavailable"));
  EXPECT_EQ(service.counters.reports_unavailable, 1U);
}

struct RefusedReport {
  const char* name;
  std::string payload;
  void (*prepare)(ServiceFixture&);
  std::string_view sender = kAlice;
};

TEST(Dispatcher, L1L2EveryRefusedReportIsCountedUnderItsReason) {
  const RefusedReport cases[] = {
      {"disabled", report_json(70),
       [](ServiceFixture& f) { f.change_settings([](auto& s) { s.external_enabled = false; }); }},
      {"malformed", "{", nullptr},
      {"provider",
       R"({"file":{"hashes":{"md5":")" + std::string(kMd5) +
           R"("},"reputation":{"score":70}},"provider":{"id":3}})",
       nullptr},
      {"level", report_json(42), nullptr},
      {"hashes", report_json(70, "a.exe", "zz"), nullptr},
      {"filename", report_json(70, ""),
       [](ServiceFixture& f) {
         f.change_settings([](auto& s) { s.external_require_filename = true; });
       }},
  };
  for (const RefusedReport& refused : cases) {
    ServiceFixture service;
    if (refused.prepare != nullptr) refused.prepare(service);
    service.report(refused.payload, refused.sender);
    EXPECT_THAT(service.take(), IsEmpty()) << refused.name;
    EXPECT_THAT(service.store.commits, IsEmpty()) << refused.name;
    const tie::ReportOutcome outcome = service.outcome();
    EXPECT_EQ(outcome.outcome, "refused") << refused.name;
    EXPECT_THAT(outcome.reason, testing::StartsWith(refused.name));
    std::uint64_t counted = 0;
    for (std::size_t i = 0; i < Counters::kRefusals; ++i)
      if (tie::to_string(static_cast<tie::ReportRefusal>(i)) == refused.name)
        counted = service.counters.reports_refused[i];
    EXPECT_EQ(counted, 1U) << refused.name;
  }
}

TEST(Dispatcher, AReportWithoutSenderIsUnauthorized) {
  ServiceFixture service;
  service.report(report_json(70), "");
  EXPECT_THAT(service.take(), IsEmpty());
  EXPECT_EQ(
      service.counters.reports_refused[static_cast<std::size_t>(tie::ReportRefusal::kUnauthorized)],
      1U);
}

TEST(Dispatcher, L2AnEmptyFileNameIsAccepted) {
  ServiceFixture service;
  service.report(report_json(70, ""));
  service.take();
  EXPECT_EQ(service.outcome().outcome, "accepted");
}

TEST(Dispatcher, TellsOnlyTheSenderAndAdministratorsWhatBecameOfAReport) {
  ServiceFixture service;
  service.report(report_json(70));
  service.take();
  EXPECT_EQ(service.outcome(kAlice).outcome, "accepted");
  EXPECT_EQ(service.outcome(kBob).outcome, "unknown");
  EXPECT_EQ(service.outcome(kAdmin).outcome, "accepted");
  EXPECT_EQ(service.outcome(kAlice, "{other}").outcome, "unknown");
  service.report(report_json(70), kAlice, "{again}");
  service.take();
  EXPECT_EQ(service.outcome(kAlice, "{again}").outcome, "unchanged");
}

TEST(Dispatcher, MeasuresEachAnswer) {
  ServiceFixture service;
  service.get();
  service.take();
  std::uint64_t answers = 0;
  for (const std::uint64_t count : service.counters.answer_times.snapshot().counts)
    answers += count;
  EXPECT_EQ(answers, 1U);
}

}  // namespace
}  // namespace tiara::service
