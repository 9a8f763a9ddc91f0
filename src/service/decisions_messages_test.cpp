// The decisions of TIE reference §12.2 about parameters, form and delivery, row by row. What L14
// refuses is in hostile_payloads_test.cpp, L16 in two_front_ends_test.cpp.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

// A file and a certificate that so many systems have asked about.
void reference(ServiceFixture& service, std::size_t systems) {
  service.get(true);
  service.request(tie::kTopicCertReputation, get_cert_json(true));
  service.take();
  store::Batch batch;
  for (std::size_t i = 1; i < systems; ++i)
    for (const auto& subject : {reputation::strongest_key(md5_hashes()),
                                reputation::DigestKey::of_certificate(sha1_of(kCertBase64))})
      batch.references.push_back(
          {.subject = subject, .agent = fmt::format("{{{}}}", i), .time = service.clock.epoch});
  ASSERT_TRUE(service.store.commit(batch, store::Durability::kBuffered));
}

TEST(Decisions, L10_TheLimitOfFirstReferencesIsClampedAndReadLeniently) {
  ServiceFixture service;
  reference(service, 5'002);
  service.change_settings([](auto& settings) { settings.query_limit_default = 7; });
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"0", 1},         {"-5", 1},
      {"3", 3},         {"2.0", 2},
      {"\"4\"", 4},     {"null", 7},
      {"5000", 5'000},  {"5001", 5'000},
      {"1e300", 5'000}, {"\"99999999999999999999\"", 5'000},
  };
  for (const auto& [limit, expected] : cases) {
    for (const auto& [topic, payload] :
         {std::pair(tie::kTopicFileAgents, agents_json(limit)),
          std::pair(tie::kTopicCertAgents, cert_json(fmt::format(R"(,"queryLimit":{})", limit)))}) {
      const tie::FirstReferences answer = service.agents(topic, payload);
      EXPECT_EQ(answer.agents.size(), expected) << topic << " " << limit;
      EXPECT_EQ(answer.total_count, 5'002U) << topic << " " << limit;
    }
  }
  for (const std::string_view limit : {"true", "1.5", "\"x\"", "\"1.5\"", "[]", "{}"}) {
    const std::string more = fmt::format(R"(,"queryLimit":{})", limit);
    EXPECT_EQ(service.exchange(tie::kTopicFileAgents, agents_json(limit)).error_code, 5U) << limit;
    EXPECT_EQ(service.exchange(tie::kTopicCertAgents, cert_json(more)).error_code, 5U) << limit;
    EXPECT_EQ(service.exchange(tie::kTopicUpdates, updates_json(0, more)).error_code, 5U) << limit;
  }
}

TEST(Decisions, L10_FirstReferencesAscendByDateThenByName) {
  ServiceFixture service;
  for (const std::string_view system : {"{c}", "{a}"})
    service.request(tie::kTopicFileReputation, get_json(true), system);
  service.take();
  service.clock.advance(std::chrono::seconds(1));
  service.request(tie::kTopicFileReputation, get_json(true), "{b}");
  service.take();
  std::vector<std::string> names;
  for (const auto& each : service.agents(tie::kTopicFileAgents, agents_json()).agents)
    names.push_back(each.agent_guid);
  EXPECT_THAT(names, ElementsAre("{a}", "{c}", "{b}"));
}

TEST(Decisions, L14_WhatIsAcceptedAndWhatItMeans) {
  const std::string md5 = hash_json("md5", kMd5Base64);
  const auto set = [](std::string_view level, std::string_view hashes, std::string_view more = "") {
    return fmt::format(R"({{"trustLevel":{},"hashes":[{}]{}}})", level, hashes, more);
  };
  const std::pair<const char*, std::string> cases[] = {
      {"integer", set("99", md5)},
      {"float", set("99.0", md5)},
      {"text", set("\"99\"", md5)},
      {"provider as text", set("99", md5, R"(,"providerId":"3")")},
      {"provider null", set("99", md5, R"(,"providerId":null)")},
      {"unknown member", set("99", md5, R"(,"new":{"deep":[1,2]})")},
      {"unknown type", set("99", hash_json("sha512", "?!") + "," + md5)},
      {"twice the same", set("99", md5 + "," + md5)},
      {"no padding", set("99", hash_json("md5", "8se7isyX+S6Yei1Ah9AhsQ"))},
      {"unused bits", set("99", hash_json("md5", "8se7isyX+S6Yei1Ah9AhsR=="))},
      {"null comment", set("99", md5, R"(,"comment":null,"filename":null)")},
      {"trailing NULs", set("99", md5) + std::string("\0\0\n \0", 5)},
      {"32 levels deep", set("99", md5, ",\"x\":" + std::string(31, '[') + std::string(31, ']'))},
      {"64 KiB of text", set("99", md5, ",\"x\":\"" + std::string(65'536, 'x') + "\"")},
  };
  for (const auto& [name, payload] : cases) {
    ServiceFixture service;
    const Sent answer = service.exchange(tie::kTopicFileReputationSet, payload);
    EXPECT_EQ(answer.type, dxl::MessageType::kResponse) << name << ": " << answer.error_message;
    EXPECT_EQ(service.level(Provider::kEnterprise), TrustLevel::kKnownTrusted) << name;
  }
}

TEST(Decisions, L14_TextsAreCutTo500Characters) {
  ServiceFixture service;
  std::string name, comment;
  for (int i = 0; i < 501; ++i) name += "ä";
  service.request(tie::kTopicFileReputationSet,
                  set_json(99, hashes_json(kMd5Base64), name, std::string(501, 'c')));
  service.tell(tie::kTopicFileMetadata,
               metadata_json(fmt::format(R"(,"path":"{}")", std::string(501, 'p'))));
  service.take();
  const tie::FileInfo info = service.info();
  EXPECT_EQ(info.names->at(0), name.substr(0, 1'000));
  EXPECT_EQ(info.comment, std::string(500, 'c'));
  EXPECT_EQ(info.file_paths->at(0), std::string(500, 'p'));
}

TEST(Decisions, L15_EveryChangeGoesToBothTopicsWithoutAddressees) {
  ServiceFixture service;
  service.set(99);
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  const std::vector<Sent> sent = service.take();
  EXPECT_THAT(topics_of(sent),
              ElementsAre(kReplyTopic, tie::kTopicFileChangeBroadcast, tie::kTopicFileChange,
                          kReplyTopic, tie::kTopicCertChangeBroadcast, tie::kTopicCertChange));
  EXPECT_EQ(sent[1].payload, sent[2].payload);
  EXPECT_EQ(sent[4].payload, sent[5].payload);
  for (const std::size_t event : {1, 2, 4, 5}) EXPECT_THAT(sent[event].client_ids, IsEmpty());
}

TEST(Decisions, L15_TargetedEventsGoToWhoAskedOrNowhereByTheSetting) {
  using Targeted = reputation::Settings::Targeted;
  for (const Targeted mode : {Targeted::kEnrolled, Targeted::kOff}) {
    ServiceFixture service;
    service.change_settings([&](auto& settings) { settings.events_targeted = mode; });
    service.set(99);
    EXPECT_THAT(topics_of(service.take()), ElementsAre(kReplyTopic, tie::kTopicFileChangeBroadcast))
        << "nobody has asked";
    for (const std::string_view sender : {kAlice, kBob}) {
      service.request(tie::kTopicFileReputation, get_json(true), sender);
      service.request(tie::kTopicCertReputation, get_cert_json(true), sender);
    }
    service.get(false);
    service.take();
    service.set(1);
    service.request(tie::kTopicCertReputationSet, set_cert_json(1));
    std::size_t targeted = 0;
    for (const Sent& message : service.take()) {
      if (message.topic != tie::kTopicFileChange && message.topic != tie::kTopicCertChange)
        continue;
      ++targeted;
      EXPECT_THAT(message.client_ids, ElementsAre(kAlice, kBob));
    }
    EXPECT_EQ(targeted, mode == Targeted::kOff ? 0U : 2U);
  }
}

TEST(Decisions, L17_EachRefusalHasItsCodeAndChangesNothing) {
  const struct {
    std::uint32_t code;
    std::string_view topic;
    std::string payload;
    std::string_view sender = kAlice;
    void (*prepare)(ServiceFixture&) = nullptr;
  } cases[] = {
      {1, tie::kTopicFileReputationSet, "{"},
      {2, tie::kTopicFileReputationSet, set_json(99, "[]")},
      {3, tie::kTopicFileReputationSet, set_json(42)},
      {4, tie::kTopicFileReputationSet, set_item(15, 99)},
      {4, tie::kTopicCertReputationSet, cert_json(R"(,"trustLevel":99,"providerId":3)")},
      {5, tie::kTopicUpdates, R"({"sinceTime":"soon"})"},
      {6, tie::kTopicFileReputationSet, set_json(99), kBob},
      {7, tie::kTopicFileReputationSet, set_json(99), kAlice,
       [](ServiceFixture& f) {
         f.change_settings([](auto& s) { s.limits_requests_per_second = 1; });
         f.exchange(tie::kTopicFileReputation, get_json(false));
       }},
      {8, tie::kTopicFileReputationSet, set_json(99), kAlice,
       [](ServiceFixture& f) { f.write_limit = 0; }},
      {8, tie::kTopicFileReputationSet, set_json(99), kAlice,
       [](ServiceFixture& f) { f.store.full = true; }},
      {9, "/mcafee/service/tie/new", "{}"},
  };
  for (const auto& each : cases) {
    ServiceFixture service;
    if (each.prepare != nullptr) each.prepare(service);
    const Sent answer = service.exchange(each.topic, each.payload, each.sender);
    EXPECT_EQ(answer.type, dxl::MessageType::kErrorResponse) << each.code;
    EXPECT_EQ(answer.error_code, each.code) << answer.error_message;
    EXPECT_NE(answer.error_message, "") << each.code;
    EXPECT_EQ(dump(service.store), dump(ServiceFixture().store)) << each.code;
    EXPECT_EQ(service.counters.errors[each.code], 1U) << each.code;
  }
}

TEST(Decisions, L17_MetadataIsNeverAnswered) {
  for (const std::string_view topic : {tie::kTopicFileMetadata, tie::kTopicCertMetadata}) {
    ServiceFixture service;
    for (const std::string& payload :
         {std::string(), std::string("{"), metadata_json(), cert_json(), get_json(false, "[]")})
      service.tell(topic, payload);
    service.write_limit = 0;
    service.tell(topic, cert_json());
    service.change_settings([](auto& settings) { settings.limits_requests_per_second = 1; });
    service.tell(topic, cert_json());
    service.tell(topic, cert_json());
    EXPECT_THAT(service.take(), IsEmpty()) << topic;
  }
}

// Rolls from `since` until nothing remains; each page's number of files in `pages`.
std::vector<std::string> roll(ServiceFixture& service, std::int64_t since, std::string_view more,
                              std::vector<std::size_t>& pages) {
  std::vector<std::string> names;
  for (int page = 0; page < 100; ++page) {
    const tie::Updates updates = service.updates(since, more);
    pages.push_back(updates.files.size());
    for (const tie::FileHashes& hashes : updates.files) names.push_back(hashes.md5->to_hex());
    if (!updates.more) return names;
    EXPECT_EQ(updates.server_time, service.clock.epoch);
    EXPECT_GT(updates.latest_update_time, since) << "each page ends later than it began";
    since = updates.latest_update_time;
  }
  ADD_FAILURE() << "rolls for ever";
  return names;
}

TEST(Decisions, L22_UpdatesRollByWholeSecondsWithoutLossOrLoop) {
  ServiceFixture service;
  const std::int64_t start = service.clock.epoch;
  std::size_t number = 0;
  for (const int changes : {1, 4, 1, 1}) {
    for (int i = 0; i < changes; ++i)
      service.request(tie::kTopicFileReputationSet, set_json(99, numbered_hashes(++number)));
    service.take();
    service.clock.advance(std::chrono::seconds(1));
  }
  std::vector<std::size_t> pages;
  const auto names = roll(service, start - 1, R"(,"queryLimit":2)", pages);
  const std::set<std::string> distinct(names.begin(), names.end());
  EXPECT_THAT(distinct, SizeIs(7)) << "more changes in one second than the limit";
  EXPECT_THAT(pages, ElementsAre(1, 5, 5, 2)) << "the border second comes twice";
}

TEST(Decisions, L22_SinceIsInclusiveAndNothingIsAPageToo) {
  ServiceFixture service;
  service.set(99);
  service.request(tie::kTopicCertReputationSet, set_cert_json(99));
  service.take();
  const std::int64_t now = service.clock.epoch;
  for (const std::int64_t since : {std::int64_t{-5}, std::int64_t{0}, now}) {
    const tie::Updates updates = service.updates(since);
    EXPECT_THAT(updates.files, SizeIs(1)) << since;
    EXPECT_THAT(updates.certificates, SizeIs(1)) << since;
    EXPECT_EQ(updates.latest_update_time, now) << since;
  }
  const tie::Updates none = service.updates(now + 1);
  EXPECT_THAT(none.files, IsEmpty());
  EXPECT_EQ(none.latest_update_time, now + 1);
  EXPECT_FALSE(none.more);
}

TEST(Decisions, L22_TargetedListsWhatTheAskerAskedAboutAndWhatIsPrevalent) {
  ServiceFixture service;
  service.change_settings([](auto& settings) {
    settings.prevalence_min_systems = 2;
    settings.prevalence_min_share = 0;
  });
  for (const std::size_t number : {1, 2, 3})
    service.request(tie::kTopicFileReputationSet, set_json(99, numbered_hashes(number)));
  service.request(tie::kTopicFileReputation, get_json(true, numbered_hashes(1)), kBob);
  for (const std::string_view system : {"{a}", "{b}"})
    service.request(tie::kTopicFileReputation, get_json(true, numbered_hashes(2)), system);
  service.take();
  const auto listed = [&](std::string_view more, std::string_view sender) {
    return service.updates(0, more, sender).files.size();
  };
  EXPECT_EQ(listed(R"(,"targeted":true)", kBob), 2U);
  EXPECT_EQ(listed(R"(,"targeted":true)", kAlice), 1U) << "prevalent only";
  EXPECT_EQ(listed(R"(,"targeted":true)", ""), 1U);
  EXPECT_EQ(listed("", kBob), 3U);
  service.change_settings([](auto& settings) { settings.updates_targeted = true; });
  EXPECT_EQ(listed("", kBob), 2U);
}

TEST(Decisions, L22_TheDefaultLimitIsASetting) {
  ServiceFixture service;
  service.change_settings([](auto& settings) { settings.updates_default_limit = 1; });
  for (const std::size_t number : {1, 2, 3}) {
    service.request(tie::kTopicFileReputationSet, set_json(99, numbered_hashes(number)));
    service.take();
    service.clock.advance(std::chrono::seconds(1));
  }
  const tie::Updates updates = service.updates(0);
  EXPECT_THAT(updates.files, SizeIs(1));
  EXPECT_TRUE(updates.more);
}

}  // namespace
}  // namespace tiara::service
