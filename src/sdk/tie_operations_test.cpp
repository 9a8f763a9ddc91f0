// Each operation of tie::Client but External reports and batches: what goes out, what comes back.
#include <fstream>
#include <future>
#include <limits>

#include <nlohmann/json.hpp>

#include "sdk/tie_client_fixture.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

using TieOperations = TieClient;

constexpr const char* kCertHashes =
    R"("hashes":[{"type":"sha1","value":"ABEiM0RVZneImaq7zN3u/wARIjM="}],)"
    R"("publicKeySha1":"/+7dzLuqmYh3ZlVEMyIRAP/u3cw=")";

TEST_F(TieOperations, GetsACertificatesReputations) {
  answers(kTopicCertReputation,
          {R"({"reputations":[{"providerId":4,"trustLevel":99,"createDate":7}],)"
           R"("overridden":{"truncated":1,"files":[]},"props":{"serverTime":8}})"});
  const auto answer = tie.get_certificate_reputation(some_certificate());
  ASSERT_TRUE(answer);
  ASSERT_NE(answer->find(Provider::kCertEnterprise), nullptr);
  EXPECT_TRUE(answer->overridden->truncated);
  EXPECT_EQ(answer->server_time, 8);
  EXPECT_EQ(payload_on(kTopicCertReputation), std::string("{") + kCertHashes + R"(,"scanType":3})");
}

TEST_F(TieOperations, AnEndpointsLookupSaysWhatItKnows) {
  answers(kTopicFileReputation, {R"({"props":{"submitMetaData":1,"atdCandidate":1,)"
                                 R"("masterServer":"sandbox.example;192.0.2.10"}})"});
  auto answer = tie.get_file_reputation(some_hashes(), EndpointLookup{});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->submit_metadata);
  EXPECT_TRUE(answer->atd_candidate);
  EXPECT_EQ(answer->master_server, "sandbox.example;192.0.2.10");
  EXPECT_EQ(payload_on(kTopicFileReputation),
            R"({"hashes":[{"type":"md5","value":"ABEiM0RVZneImaq7zN3u/w=="}]})");
  answer = tie.get_file_reputation(
      some_hashes(), {.scan_type = 1, .file_type = FileType::kPeexe, .signer = some_certificate()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(payload_on(kTopicFileReputation),
            R"({"hashes":[{"type":"md5","value":"ABEiM0RVZneImaq7zN3u/w=="}],"fileType":18,)"
            R"("scanType":1,"certSha1":"ABEiM0RVZneImaq7zN3u/wARIjM=",)"
            R"("certPublicKeySha1":"/+7dzLuqmYh3ZlVEMyIRAP/u3cw="})");
  EXPECT_FALSE(tie.get_file_reputation({}, EndpointLookup{}));
}

TEST_F(TieOperations, SetsACertificatesReputation) {
  answers(kTopicCertReputationSet, {""});
  EXPECT_TRUE(tie.set_certificate_reputation(TrustLevel::kKnownTrusted, some_certificate(), "why"));
  EXPECT_THAT(payload_on(kTopicCertReputationSet),
              testing::AllOf(HasSubstr(R"("trustLevel":99)"), HasSubstr(R"("providerId":4)"),
                             HasSubstr(R"("comment":"why")"), HasSubstr(kCertHashes)));
  const auto refused = tie.set_certificate_reputation(TrustLevel{42}, some_certificate());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().message,
            "TrustLevel was not a valid entry: 42 is none of 0, 1, 15, 30, 50, 70, 85, 99, 100");
}

TEST_F(TieOperations, FirstReferencesKeepTheTotalCount) {
  const std::string answer =
      R"({"totalCount":7,"agents":[{"date":5,"agentGuid":"{a}"},{"date":6,"agentGuid":"{b}"}]})";
  answers(kTopicFileAgents, {answer});
  answers(kTopicCertAgents, {answer});
  const FirstReferences expected{.agents = {{"{a}", 5}, {"{b}", 6}}, .total_count = 7};
  EXPECT_EQ(tie.get_file_first_references(some_hashes(), 2).value(), expected);
  EXPECT_THAT(payload_on(kTopicFileAgents), HasSubstr(R"("queryLimit":2)"));
  EXPECT_EQ(tie.get_certificate_first_references(some_certificate()).value(), expected);
  EXPECT_THAT(payload_on(kTopicCertAgents), HasSubstr(R"("queryLimit":500)"));
}

TEST_F(TieOperations, LimitsOutsideOneTo5000AreRefusedBeforeAnythingIsSent) {
  for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-1}, kMaxQueryLimit + 1,
                                   std::numeric_limits<std::int64_t>::max()}) {
    const auto file = tie.get_file_first_references(some_hashes(), limit);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(file.error().message, "limit: " + std::to_string(limit) + " is not within 1 to 5000");
    EXPECT_FALSE(tie.get_certificate_first_references(some_certificate(), limit));
    EXPECT_FALSE(tie.get_updates({.since = 1, .query_limit = limit}));
    EXPECT_FALSE(tie.get_history(some_hashes(), limit));
    EXPECT_FALSE(tie.search_files("x", limit));
  }
  EXPECT_FALSE(tie.get_updates({.since = -1}));
  EXPECT_FALSE(tie.get_updates({.since = 1, .files = false, .certificates = false}));
  EXPECT_FALSE(tie.get_file_info({}));
  EXPECT_EQ(broker.last(topic(kTopicFileAgents)), std::nullopt);
  EXPECT_EQ(broker.last(topic(kTopicUpdates)), std::nullopt);
}

TEST_F(TieOperations, AnEmptySetOfDigestsIsRefusedEverywhere) {
  const FileHashes none;
  EXPECT_FALSE(tie.get_file_reputation(none));
  EXPECT_FALSE(tie.set_file_reputation(TrustLevel::kUnknown, none));
  EXPECT_FALSE(tie.get_file_first_references(none));
  EXPECT_FALSE(tie.send_file_metadata({}));
  EXPECT_FALSE(tie.explain(none));
  EXPECT_FALSE(tie.get_history(none));
  EXPECT_FALSE(tie.get_file_info(std::vector<FileHashes>{some_hashes(), none}));
  EXPECT_FALSE(tie.withdraw_external_file_reputation(none));
  std::promise<dxl::Result<Reputations>> told;
  tie.async_get_file_reputation(none, [&](auto answer) { told.set_value(std::move(answer)); });
  const auto answer = told.get_future().get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "File hashes were not specified");
}

TEST_F(TieOperations, GetsUpdates) {
  answers(kTopicUpdates,
          {R"({"props":{"serverTime":9,"queryLimitExceeded":true},"latestUpdateTime":8,)"
           R"("fileHashes":[{"type":"md5","value":"ABEiM0RVZneImaq7zN3u/w=="}],)"
           R"("certificateHashes":[{"type":"sha1","value":"ABEiM0RVZneImaq7zN3u/wARIjM="}]})"});
  const auto updates = tie.get_updates({.since = 7, .query_limit = 300});
  ASSERT_TRUE(updates) << updates.error().message;
  const Updates expected{.files = {some_hashes()},
                         .certificates = {some_certificate().sha1},
                         .latest_update_time = 8,
                         .more = true,
                         .server_time = 9};
  EXPECT_EQ(*updates, expected);
  EXPECT_EQ(payload_on(kTopicUpdates), R"({"sinceTime":7,"queryLimit":300})");
}

TEST_F(TieOperations, MetadataIsSentAndNothingIsWaitedFor) {
  FileMetadata file;
  file.hashes = some_hashes();
  file.name = "notepad.exe";
  CertMetadata certificate;
  certificate.certificate = some_certificate();
  certificate.subject_name = "Somebody";
  // Nobody answers these topics; with the fixture's time-out a call that waits would show.
  EXPECT_TRUE(tie.send_file_metadata(file));
  EXPECT_TRUE(tie.send_certificate_metadata(certificate));
  ASSERT_TRUE(client->flush());
  EXPECT_EQ(decode_file_metadata(payload_on(kTopicFileMetadata)).value(), file);
  EXPECT_EQ(decode_cert_metadata(payload_on(kTopicCertMetadata)).value(), certificate);
  // As the requests they are: with a reply topic, which a service needs to see.
  EXPECT_EQ(std::get<dxl::Request>(*broker.last(topic(kTopicFileMetadata))).reply_to_topic,
            tiara::sdk::kReplyTopic);
  ASSERT_TRUE(client->disconnect());
  EXPECT_EQ(tie.send_file_metadata(file).error().code, ErrorCode::kNotConnected);
}

TEST_F(TieOperations, AsksAboutFilesAndSearchesThem) {
  const std::string answer =
      R"({"results":[{"md5":"ABEiM0RVZneImaq7zN3u/w==","names":["a.exe"],"size":5}]})";
  answers(kTopicFileInfo, {answer});
  answers(kTopicFileSearch, {answer});
  const auto infos = tie.get_file_info(std::vector<FileHashes>{some_hashes()});
  ASSERT_TRUE(infos);
  ASSERT_EQ(infos->size(), 1U);
  EXPECT_EQ(infos->front().hashes, some_hashes());
  EXPECT_EQ(infos->front().size, 5U);
  EXPECT_EQ(payload_on(kTopicFileInfo),
            R"({"hashes":[[{"type":"md5","value":"ABEiM0RVZneImaq7zN3u/w=="}]]})");
  EXPECT_EQ(tie.search_files("note", 7).value(), *infos);
  EXPECT_EQ(payload_on(kTopicFileSearch), R"({"searchString":"note","numberOfRows":7})");
}

TEST_F(TieOperations, TheServiceExplainsIfItCan) {
  Explanation explanation{.trust_level = TrustLevel::kKnownTrusted,
                          .provider = Provider::kGti,
                          .step = 5,
                          .steps = {{5, "rule", true, "GTI: 99"}}};
  std::string text;
  append_explanation(explanation, text);
  answers(kTopicExplain, {text});
  EXPECT_EQ(tie.explain(some_hashes()).value(), explanation);
  EXPECT_EQ(tie.explain(some_certificate()).value(), explanation);
  EXPECT_EQ(times_asked(kTopicFileReputation), 0U);
}

TEST_F(TieOperations, AnswersOfAnOriginalServiceAreExplainedHere) {
  answers(kTopicFileReputation,
          {R"({"reputations":[{"providerId":1,"trustLevel":70,"createDate":1}]})"});
  answers(kTopicCertReputation,
          {R"({"reputations":[{"providerId":4,"trustLevel":1,"createDate":1}]})"});
  for (const std::uint32_t code : {std::uint32_t{dxl::kServiceUnavailable}, std::uint32_t{9},
                                   std::uint32_t{dxl::kNotAuthorisedToSend}}) {
    broker.refuse(topic(kTopicExplain), code, "no such topic");
    auto told = tie.explain(some_hashes());
    ASSERT_TRUE(told) << code;
    EXPECT_EQ(told->step, 6);
    EXPECT_EQ(told->provider, Provider::kGti);
    told = tie.explain(some_hashes(), some_certificate());
    EXPECT_EQ(told.value().step, 2);
    EXPECT_EQ(tie.explain(some_certificate()).value().trust_level, TrustLevel::kKnownMalicious);
  }
  broker.refuse(topic(kTopicExplain), 2, "bad hashes");
  EXPECT_EQ(tie.explain(some_hashes()).error().peer_code, 2U);
}

TEST_F(TieOperations, ReadsTheHistory) {
  const std::vector<HistoryEntry> entries = {{.time = 5,
                                              .old_level = TrustLevel::kNotSet,
                                              .new_level = TrustLevel::kKnownTrusted,
                                              .comment = "why",
                                              .kind = "enterprise",
                                              .actor_certificate = "ab",
                                              .actor_name = "alice",
                                              .actor_client_id = "{c}"}};
  std::string text;
  append_history(entries, text);
  answers(kTopicHistory, {text});
  EXPECT_EQ(tie.get_history(some_hashes(), 5).value(), entries);
  EXPECT_THAT(payload_on(kTopicHistory), HasSubstr(R"("limit":5)"));
  EXPECT_EQ(tie.get_history(some_certificate()).value(), entries);
  EXPECT_THAT(payload_on(kTopicHistory), HasSubstr(R"("type":"cert")"));
}

// One event on `topic` as `append(event, text)` writes it reaches the callback that `add` adds.
template <class Told, class Add>
Told hear(tiara::sdk::FakeBroker& broker, std::string_view topic, const std::string& text,
          Add add) {
  std::promise<Told> heard;
  const auto handle = add([&](const Told& told, const dxl::Event& original) {
    EXPECT_EQ(original.topic, topic);
    heard.set_value(told);
  });
  EXPECT_TRUE(handle);
  broker.deliver(tiara::sdk::event_on(std::string(topic), "{"));  // dropped
  broker.deliver(tiara::sdk::event_on(std::string(topic), text));
  return heard.get_future().get();
}

TEST_F(TieOperations, ChangesOfFilesAndCertificatesArriveFromBothTopics) {
  FileReputationChange file;
  file.hashes = some_hashes();
  file.new_reputations.entries = {{Provider::kExternal, TrustLevel::kMightBeTrusted, 5, {}}};
  file.update_time = 5;
  std::string text;
  append_file_change(file, {}, text);
  CertificateReputationChange certificate;
  certificate.certificate = some_certificate();
  certificate.update_time = 6;
  std::string cert_text;
  append_cert_change(certificate, {}, cert_text);
  for (const ChangeTopic kind : {ChangeTopic::kBroadcast, ChangeTopic::kTargeted}) {
    const bool all = kind == ChangeTopic::kBroadcast;
    EXPECT_EQ(
        hear<FileReputationChange>(
            broker, all ? kTopicFileChangeBroadcast : kTopicFileChange, text,
            [&](auto callback) { return tie.add_file_reputation_change_callback(callback, kind); }),
        file);
    EXPECT_EQ(hear<CertificateReputationChange>(
                  broker, all ? kTopicCertChangeBroadcast : kTopicCertChange, cert_text,
                  [&](auto callback) {
                    return tie.add_certificate_reputation_change_callback(callback, kind);
                  }),
              certificate);
  }
}

TEST_F(TieOperations, DetectionsFirstInstancesAndPrevalenceArriveDecoded) {
  const Detection detection{.agent_guid = "{a}",
                            .hashes = some_hashes(),
                            .detection_time = 5,
                            .local_reputation = 1,
                            .remediation_action = 5,
                            .name = "x.exe"};
  std::string text;
  append_detection(detection, text);
  EXPECT_EQ(
      hear<Detection>(broker, kTopicFileDetection, text,
                      [&](auto callback) { return tie.add_file_detection_callback(callback); }),
      detection);
  text.clear();
  append_first_instance(some_hashes(), "{a}", "x.exe", text);
  const FirstInstance first{.agent_guid = "{a}", .hashes = some_hashes(), .name = "x.exe"};
  EXPECT_EQ(hear<FirstInstance>(
                broker, kTopicFileFirstInstance, text,
                [&](auto callback) { return tie.add_file_first_instance_callback(callback); }),
            first);
  text.clear();
  append_prevalence(some_hashes(), "{a}", 7, 125, true, text);
  const Prevalence prevalence{.agent_guid = "{a}",
                              .hashes = some_hashes(),
                              .agent_first_reference = 7,
                              .enterprise_count = 125,
                              .prevalent = true};
  EXPECT_EQ(
      hear<Prevalence>(broker, kTopicFilePrevalence, text,
                       [&](auto callback) { return tie.add_file_prevalence_callback(callback); }),
      prevalence);
}

TEST_F(TieOperations, AHandleUnsubscribesWhenItGoes) {
  auto handle = tie.add_file_detection_callback([](const Detection&, const dxl::Event&) {});
  ASSERT_TRUE(handle);
  handle->reset();
  EXPECT_TRUE(broker.wait_for("UNSUBSCRIBE " + topic(kTopicFileDetection)));
}

TEST_F(TieOperations, AsyncLookupsEndOnceAndRepeatWhatNobodyRouted) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  serve(kTopicFileReputation, [asked](const std::string&) -> Made {
    if (++*asked == 1) return refusal(dxl::kServiceUnavailable);
    return std::string(R"({"reputations":[{"providerId":1,"trustLevel":99}]})");
  });
  std::promise<dxl::Result<Reputations>> told;
  tie.async_get_file_reputation(some_hashes(),
                                [&](auto answer) { told.set_value(std::move(answer)); });
  const auto answer = told.get_future().get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->find(Provider::kGti)->trust_level, TrustLevel::kKnownTrusted);
  EXPECT_EQ(*asked, 2);

  broker.refuse(topic(kTopicCertReputation), 6, "not you");
  std::promise<dxl::Result<Reputations>> refused;
  tie.async_get_certificate_reputation(some_certificate(),
                                       [&](auto result) { refused.set_value(std::move(result)); });
  EXPECT_EQ(refused.get_future().get().error().code, ErrorCode::kNotAuthorised);
}

TEST_F(TieOperations, ACallInsideACallbackIsAnswered) {
  answers(kTopicFileReputation, {"{}"});
  answers(kTopicBatchGet, {R"({"results":[{"reputations":[]}],"props":{"serverTime":1}})"});
  std::promise<bool> done;
  const auto handle =
      tie.add_file_detection_callback([&](const Detection& detection, const dxl::Event&) {
        const std::vector<FileHashes> files{detection.hashes};
        done.set_value(tie.get_file_reputation(detection.hashes).has_value() &&
                       tie.get_file_reputations(files).front().has_value());
      });
  std::string text;
  append_detection({.agent_guid = "{a}", .hashes = some_hashes()}, text);
  broker.deliver(tiara::sdk::event_on(topic(kTopicFileDetection), text));
  EXPECT_TRUE(done.get_future().get());
}

TEST_F(TieOperations, ACopyWithAnotherDeadlineKeepsIt) {
  silence(kTopicFileReputation);
  const auto answer = tie.with_timeout(milliseconds(20)).get_file_reputation(some_hashes());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kTimedOut);
  EXPECT_EQ(tie.timeout(), tiara::sdk::kPatience);
}

// The stand-ins refuse a file that they do not know, with code 0, in the words of the vector (§9).
TEST_F(TieOperations, AnUnknownFileAtAStandInIsATypedServiceErrorZero) {
  broker.refuse(topic(kTopicFileReputation), 0, "Could not find reputation");
  const auto answer = tie.get_file_reputation(some_hashes());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kPeer);
  EXPECT_EQ(answer.error().message, "Could not find reputation");
  EXPECT_TRUE(is_unknown_to_stand_in(answer.error()));
  EXPECT_EQ(source_of(answer.error()), ErrorSource::kService);
  // And the fake answers `{}` for one without first references.
  answers(kTopicFileAgents, {"{}"});
  EXPECT_EQ(tie.get_file_first_references(some_hashes()).value(), FirstReferences{});
}

// What the mock and the fake really sent, as the project's vectors keep it.
TEST_F(TieOperations, EveryAnswerOfTheMockAndTheFakeIsRead) {
  const auto fixtures =
      nlohmann::json::parse(std::ifstream(std::string(TIARA_FIXTURES) + "/tie/payloads.json"));
  int read = 0;
  for (const auto& vector : fixtures.at("vectors")) {
    const std::string origin = vector.at("origin"), name = vector.at("topic");
    if ((origin != "mock" && origin != "fake") || vector.at("role") != "response") continue;
    answers(name, {vector.at("payload").get<std::string>()});
    const std::string id = vector.at("id");
    if (name == kTopicFileReputation) {
      EXPECT_TRUE(tie.get_file_reputation(some_hashes())) << id;
    } else if (name == kTopicCertReputation) {
      EXPECT_TRUE(tie.get_certificate_reputation(some_certificate())) << id;
    } else if (name == kTopicFileAgents) {
      EXPECT_TRUE(tie.get_file_first_references(some_hashes())) << id;
    } else if (name == kTopicCertAgents) {
      EXPECT_TRUE(tie.get_certificate_first_references(some_certificate())) << id;
    } else if (name == kTopicFileReputationSet) {
      EXPECT_TRUE(tie.set_file_reputation(TrustLevel::kUnknown, some_hashes())) << id;
    } else {
      continue;
    }
    ++read;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace tie
