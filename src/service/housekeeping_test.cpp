// Retention and the limits that keep the service answering: rates, queues.
#include "service/housekeeping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/other_services.hpp"
#include "service/rate_limit.hpp"
#include "service/recent_messages.hpp"
#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;

TEST(Housekeeping, KeepsEachTypeOfFileForItsOwnTime) {
  ServiceFixture service;
  service.change_settings([](auto& settings) {
    settings.retention_days = 10;
    settings.retention_days_by_type = {{18, 30}, {2048, 0}};
  });
  for (const auto& [number, type] : {std::pair(1, 0), std::pair(2, 18), std::pair(3, 2048)})
    service.tell(tie::kTopicFileMetadata,
                 metadata_json(fmt::format(R"(,"fileType":{})", type),
                               numbered_hashes(static_cast<std::size_t>(number))));
  service.take();
  const auto kept_after = [&](int days) {
    service.clock.advance(std::chrono::hours(24 * days));
    service.keep_house();
    return dump(service.store).files.size();
  };
  EXPECT_EQ(kept_after(12), 2U);
  EXPECT_EQ(kept_after(20), 1U);
  EXPECT_EQ(kept_after(10'000), 1U) << "0 days: for ever";
}

TEST(Housekeeping, AnExternalEntryAgesOutAloneWithAnEventAndIsOnRecord) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.external_max_age_days = 30; });
  service.set(99);
  service.report(report_json(70));
  service.take();
  service.clock.advance(std::chrono::hours(24 * 29));
  EXPECT_THAT(service.keep_house(), IsEmpty());
  service.clock.advance(std::chrono::hours(24));
  const auto events = payloads_on(tie::kTopicFileChangeBroadcast, service.keep_house());
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events[0], HasSubstr(R"("cause":{"providerId":15,"kind":"retention"})"));
  const auto change = value_of(tie::decode_file_change(events[0]));
  EXPECT_NE(change.old_reputations.find(Provider::kExternal), nullptr);
  EXPECT_EQ(change.new_reputations.find(Provider::kExternal), nullptr);
  EXPECT_EQ(service.level(Provider::kEnterprise), tie::TrustLevel::kKnownTrusted);
  EXPECT_EQ(service.history(file_item()).at(0).kind, "retention");
  EXPECT_THAT(service.keep_house(), IsEmpty()) << "once";
}

// Between the scan and the writer somebody may use or override the file.
TEST(Housekeeping, TheWriterLooksAgainBeforeItPurges) {
  ServiceFixture service;
  service.get(true);
  service.take();
  service.clock.advance(std::chrono::hours(24 * 400));
  service.set(99);
  Housekeeping(service.context, service.clock, [&](AgeCommand command) {
    return service.write(std::move(command));
  }).run_once();
  service.take();
  EXPECT_EQ(service.level(Provider::kEnterprise), tie::TrustLevel::kKnownTrusted);
}

TEST(Housekeeping, LooksThroughMoreThanOneSlice) {
  ServiceFixture service;
  store::Batch batch;
  for (std::size_t i = 0; i < 2'500; ++i) {
    reputation::FileRecord record;
    record.hashes = md5_hashes(numbered_md5(i));
    batch.put.push_back(record);
  }
  ASSERT_TRUE(service.store.commit(batch, store::Durability::kBuffered));
  service.keep_house();
  EXPECT_THAT(dump(service.store).files, IsEmpty());
  EXPECT_EQ(service.counters.purged, 2'500U);
}

TEST(RateLimit, RefusesWithError7UntilTimeHasPassedAndOthersAreNotHeldUp) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.limits_requests_per_second = 2; });
  const auto code = [&](std::string_view sender) {
    return service.exchange(tie::kTopicFileReputation, get_json(false), sender).error_code;
  };
  EXPECT_EQ(code(kAlice), 0U);
  EXPECT_EQ(code(kAlice), 0U);
  EXPECT_EQ(code(kAlice), 7U);
  EXPECT_EQ(code(kBob), 0U);
  service.report(report_json(70));
  EXPECT_EQ(service.counters.reports_unavailable, 1U);
  service.clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(service.outcome().reason, HasSubstr("unavailable: more messages"));
  EXPECT_EQ(code(kAlice), 0U);
}

TEST(RateLimit, CountsReportsOfBothKindsBeforeAnythingElseIsLookedAt) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.limits_requests_per_second = 2; });
  for (int i = 0; i < 5; ++i) service.sandbox(5);
  EXPECT_EQ(service.counters.sandbox_refused, 3U);
  service.take();
  EXPECT_EQ(service.counters.sandbox_reports, 2U);
  // Nor is it read what such a sender has sent, or whether he may send it.
  for (int i = 0; i < 5; ++i) service.report("{", kBob);
  EXPECT_EQ(service.counters.reports_refused[std::size_t(tie::ReportRefusal::kUnauthorized)], 2U);
  EXPECT_EQ(service.counters.reports_unavailable, 3U);
}

TEST(RateLimit, ABatchCountsAsItsItemsAndIsPaidOffBeforeTheNext) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.limits_requests_per_second = 2; });
  const std::string item = get_json(true);
  const std::string batch = fmt::format(R"({{"items":[{0},{0},{0},{0},{0}],"scanType":3}})", item);
  const auto code = [&] { return service.exchange(tie::kTopicBatchGet, batch, kAlice).error_code; };
  EXPECT_EQ(code(), 0U);
  service.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(code(), 7U);
  service.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(code(), 0U);
}

TEST(RateLimit, UnidentifiedSendersShareOneShareUnlessTheirConnectionsAreTold) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.limits_requests_per_second = 1; });
  const auto code = [&](std::string_view instance) {
    dxl::MessageView message;
    message.type = dxl::MessageType::kRequest;
    message.reply_to_topic = kReplyTopic;
    message.source_client_instance_id = instance;
    const std::string payload = get_json(false);
    message.payload = payload;
    service.dispatcher.on_message(tie::kTopicFileReputation, message);
    return service.take().at(0).error_code;
  };
  EXPECT_EQ(code(""), 0U);
  EXPECT_EQ(code(""), 7U);
  EXPECT_EQ(code("{one}"), 0U);
  EXPECT_EQ(code("{two}"), 0U);
  EXPECT_EQ(code("{one}"), 7U);
}

TEST(RateLimit, ForgetsSendersSoThatNamesCannotFillTheMemory) {
  RateLimit limit;
  base::SteadyTime now = base::SteadyTime{} + std::chrono::hours(1);
  for (int sender = 0; sender < 250'000; ++sender)
    EXPECT_TRUE(limit.take(std::to_string(sender), 1, now));
  EXPECT_FALSE(limit.take("249999", 1, now));
  now += std::chrono::seconds(1);
  EXPECT_TRUE(limit.take("249999", 1, now));
}

TEST(RecentMessages, ForgetsTheOldestAndKeepsNoMonster) {
  RecentMessages recent(2);
  for (const char* id : {"1", "2", "3"}) recent.add(id, {.changed = true, .time = 1});
  EXPECT_FALSE(recent.find("1"));
  EXPECT_TRUE(recent.find("2") && recent.find("3"));
  recent.remove("3");
  EXPECT_FALSE(recent.find("3"));
  recent.add(std::string(10'000, 'x'), {});
  EXPECT_FALSE(recent.find(std::string(10'000, 'x')));
  EXPECT_TRUE(recent.find("2"));
}

TEST(OtherServices, NamesThoseThatServeLookupsFromAnotherStore) {
  const auto service = [](std::string_view topic, std::string_view metadata) {
    return fmt::format(R"({{"serviceType":"t","requestChannels":["{}"],"metaData":{}}})", topic,
                       metadata);
  };
  const std::string answer = fmt::format(
      R"({{"services":{{"{{own}}":{},"{{same}}":{},"{{other}}":{},"{{mock}}":{},"{{else}}":{}}}}})",
      service(tie::kTopicFileReputation, "{}"),
      service(tie::kTopicFileReputation, fmt::format(R"({{"{}":"s1"}})", kStoreIdKey)),
      service(tie::kTopicFileReputation, fmt::format(R"({{"{}":"s2"}})", kStoreIdKey)),
      service(tie::kTopicFileReputation, "{}"), service("/other", "{}"));
  const auto others = value_of(find_other_services(answer, "{own}", "s1"));
  ASSERT_THAT(others, SizeIs(2));
  EXPECT_EQ(others[0].service_id, "{mock}");
  EXPECT_EQ(others[0].store_id, "");
  EXPECT_EQ(others[1].service_id, "{other}");
  EXPECT_EQ(others[1].store_id, "s2");
}

TEST(OtherServices, HostileAnswersNameNobody) {
  for (const std::string_view answer :
       {"{}", R"({"services":[]})", R"({"services":{"a":1}})", R"({"services":{"a":{}}})",
        R"({"services":{"a":{"requestChannels":"x"}}})",
        R"({"services":{"a":{"requestChannels":[1,{}]}}})"})
    EXPECT_THAT(value_of(find_other_services(answer, "o", "s")), IsEmpty()) << answer;
  EXPECT_FALSE(find_other_services("{", "o", "s"));
}

}  // namespace
}  // namespace tiara::service
