#include "tie/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "sdk/tie_client_fixture.hpp"

namespace tie {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using tiara::sdk::FakeBroker;
using tiara::sdk::kPatience;
using Kind = ExternalOutcome::Kind;

TEST_F(TieClient, GetsReputations) {
  answers(
      kTopicFileReputation,
      {R"({"reputations":[{"providerId":1,"trustLevel":99,"createDate":7,)"
       R"("attributes":{"2120340":"2139160704"}}],"props":{"serverTime":8,"submitMetaData":1}})"});
  const auto reputations = tie.get_file_reputation(some_hashes());
  ASSERT_TRUE(reputations);
  const Reputations expected{
      .entries = {{Provider::kGti, TrustLevel::kKnownTrusted, 7, {{"2120340", "2139160704"}}}},
      .server_time = 8,
      .submit_metadata = true};
  EXPECT_EQ(*reputations, expected);
  EXPECT_EQ(payload_on(kTopicFileReputation),
            R"({"hashes":[{"type":"md5","value":"ABEiM0RVZneImaq7zN3u/w=="}],"scanType":3})");
}

TEST_F(TieClient, RepeatsAReadOnceWhenAnInstanceHasGone) {
  int asked = 0;
  broker.answer(topic(kTopicFileReputation), [&](const dxl::MessageView& request) {
    dxl::Response response;
    response.payload = "{}";
    dxl::ErrorResponse gone;
    gone.error_code = dxl::kServiceUnavailable;
    response.request_message_id.value = gone.request_message_id.value = request.message_id;
    return std::optional(++asked == 1 ? dxl::Message(gone) : dxl::Message(response));
  });
  EXPECT_TRUE(tie.get_file_reputation(some_hashes()));
  EXPECT_EQ(asked, 2);
}

TEST_F(TieClient, WhatThePeerSaysBecomesAnError) {
  struct Case {
    std::uint32_t code;
    dxl::ErrorCode expected;
  };
  for (const Case& c : {Case{dxl::kNotAuthorisedToSend, dxl::ErrorCode::kNotAuthorised},
                        Case{6, dxl::ErrorCode::kNotAuthorised}, Case{2, dxl::ErrorCode::kPeer},
                        Case{dxl::kServiceUnavailable, dxl::ErrorCode::kPeer}}) {
    broker.refuse(topic(kTopicFileReputation), c.code, "said no");
    const auto reputations = tie.get_file_reputation(some_hashes());
    ASSERT_FALSE(reputations);
    EXPECT_EQ(reputations.error().code, c.expected) << c.code;
    EXPECT_EQ(reputations.error().peer_code, c.code);
    EXPECT_EQ(reputations.error().message, "said no");
  }
}

TEST_F(TieClient, AnAnswerThatIsNotJsonNamesItsTopic) {
  answers(kTopicFileReputation, {"<html>"});
  const auto reputations = tie.get_file_reputation(some_hashes());
  ASSERT_FALSE(reputations);
  EXPECT_EQ(reputations.error().code, dxl::ErrorCode::kMalformed);
  EXPECT_THAT(reputations.error().message, HasSubstr(topic(kTopicFileReputation)));
}

TEST_F(TieClient, SetsAnEnterpriseReputationAndIgnoresTheBodyOfTheAnswer) {
  answers(kTopicFileReputationSet, {"anything"});
  EXPECT_TRUE(tie.set_file_reputation(TrustLevel::kKnownTrusted, some_hashes(), "n.exe", "why"));
  EXPECT_EQ(payload_on(kTopicFileReputationSet),
            R"({"trustLevel":99,"providerId":3,"filename":"n.exe","comment":"why",)"
            R"("hashes":[{"type":"md5","value":"ABEiM0RVZneImaq7zN3u/w=="}]})");
  EXPECT_TRUE(tie.set_file_reputation(TrustLevel::kNotSet, some_hashes()));
  EXPECT_FALSE(tie.set_file_reputation(TrustLevel{42}, some_hashes()));
  EXPECT_FALSE(tie.set_file_reputation(TrustLevel::kKnownTrusted, {}));
}

TEST_F(TieClient, PublishesAnExternalReportAndReturnsItsId) {
  const auto id = tie.set_external_file_reputation(TrustLevel::kMightBeTrusted, some_hashes(),
                                                   FileType::kPeexe, "random.exe", "note");
  ASSERT_TRUE(id);
  const auto event = std::get<dxl::Event>(*broker.last(topic(kTopicExternalReport)));
  EXPECT_EQ(event.header.message_id, *id);
  EXPECT_EQ(event.payload,
            R"({"file":{"type":18,"hashes":{"md5":"00112233445566778899aabbccddeeff"},)"
            R"("attributes":{"filename":"random.exe"},"reputation":{"score":70}},)"
            R"("provider":{"id":15},"comment":"note"})");
}

TEST_F(TieClient, ChecksAnExternalReportInTheOriginalsOrder) {
  struct Case {
    TrustLevel level;
    FileHashes hashes;
    FileType type;
    const char* expected;
  };
  const Case cases[] = {
      {TrustLevel::kNotSet, {}, FileType{3}, "TrustLevel was not specified"},
      {TrustLevel{42}, {}, FileType{3}, "FileType was not a valid entry"},
      {TrustLevel{42}, {}, FileType::kPeexe, "TrustLevel was not a valid entry"},
      {TrustLevel::kUnknown, {}, FileType::kNone, "File hashes were not specified"},
  };
  for (const Case& c : cases) {
    const auto id = tie.set_external_file_reputation(c.level, c.hashes, c.type, "n");
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_EQ(id.error().message, c.expected);
  }
  EXPECT_EQ(broker.last(topic(kTopicExternalReport)), std::nullopt);
}

TEST_F(TieClient, AsksForAnOutcomeUntilItIsKnown) {
  answers(kTopicReportOutcome, {R"({"outcome":"unknown"})", R"({"outcome":"unknown"})",
                                R"({"outcome":"refused","reason":"filename"})"});
  const auto outcome = tie.report_outcome({"{report}"}, kPatience);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Kind::kRefused);
  EXPECT_EQ(outcome->reason, "filename");
  EXPECT_EQ(payload_on(kTopicReportOutcome), R"({"messageId":"{report}"})");
}

TEST_F(TieClient, AsksForAnOutcomeAgainWhenTheServiceTakesNoMoreForAWhile) {
  int asked = 0;
  broker.answer(topic(kTopicReportOutcome), [&](const dxl::MessageView& request) {
    dxl::ErrorResponse busy;
    busy.error_code = ++asked == 1 ? 7 : 8;
    dxl::Response response;
    response.payload = R"({"outcome":"accepted"})";
    response.request_message_id.value = busy.request_message_id.value = request.message_id;
    return std::optional(asked < 3 ? dxl::Message(busy) : dxl::Message(response));
  });
  const auto outcome = tie.report_outcome({"{report}"}, kPatience);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Kind::kAccepted);
  EXPECT_EQ(asked, 3);
}

TEST_F(TieClient, SaysThatItCannotTellRatherThanGuessing) {
  answers(kTopicReportOutcome, {R"({"outcome":"unknown"})"});
  auto outcome = tie.report_outcome({"{report}"}, milliseconds(30));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Kind::kNotSeen);

  broker.refuse(topic(kTopicReportOutcome), dxl::kServiceUnavailable, "unable to locate");
  outcome = tie.report_outcome({"{report}"}, kPatience);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Kind::kCannotTell);

  broker.answer(topic(kTopicReportOutcome),
                [](const dxl::MessageView&) { return std::optional<dxl::Message>(); });
  outcome = tie.report_outcome({"{report}"}, milliseconds(30));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Kind::kNoAnswer);

  broker.refuse(topic(kTopicReportOutcome), 7, "more requests than the service takes");
  outcome = tie.report_outcome({"{report}"}, milliseconds(30));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Kind::kNotSeen);
  EXPECT_EQ(outcome->reason, "more requests than the service takes");

  broker.refuse(topic(kTopicReportOutcome), 6, "not yours");
  outcome = tie.report_outcome({"{report}"}, kPatience);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, dxl::ErrorCode::kNotAuthorised);
}

TEST_F(TieClient, KnowsWhetherItMaySend) {
  answers(kTopicFabricAuthorization,
          {R"({"certificate":{"sha1":"a"},"topics":[{"topic":"/other","allowed":true},)"
           R"({"topic":"/t","allowed":false,"groups":["G","H"],"reason":"not a member"}]})"});
  const auto permission = tie.may_send("/t");
  ASSERT_TRUE(permission);
  EXPECT_FALSE(permission->allowed);
  EXPECT_THAT(permission->groups, ElementsAre("G", "H"));
  EXPECT_EQ(permission->reason, "not a member");
  EXPECT_EQ(payload_on(kTopicFabricAuthorization), R"({"direction":"send","topics":["/t"]})");
}

TEST_F(TieClient, KnowsWhetherItMayReceive) {
  answers(kTopicFabricAuthorization,
          {R"({"topics":[{"topic":"/t","allowed":false,"groups":[],"reason":"denied"}]})"});
  const auto permission = tie.may_receive("/t");
  ASSERT_TRUE(permission);
  EXPECT_FALSE(permission->allowed);
  EXPECT_EQ(payload_on(kTopicFabricAuthorization), R"({"direction":"receive","topics":["/t"]})");
}

TEST_F(TieClient, AnAnswerThatDoesNotSayIsNoPermission) {
  for (const char* answer :
       {"", "[]", "{}", R"({"topics":[]})", R"({"topics":[7]})", R"({"topics":[{"topic":"/t"}]})",
        R"({"topics":[{"topic":"/t","allowed":"yes"}]})",
        R"({"topics":[{"topic":"/x","allowed":true}]})"}) {
    answers(kTopicFabricAuthorization, {answer});
    const auto permission = tie.may_send("/t");
    ASSERT_FALSE(permission) << answer;
    EXPECT_EQ(permission.error().code, dxl::ErrorCode::kMalformed);
  }
}

TEST_F(TieClient, ChangesArriveDecodedAndOthersAreDropped) {
  std::promise<FileReputationChange> arrived;
  const auto handle = tie.add_file_reputation_change_callback(
      [&](const FileReputationChange& change, const dxl::Event& original) {
        EXPECT_EQ(original.topic, kTopicFileChangeBroadcast);
        arrived.set_value(change);
      });
  ASSERT_TRUE(handle);
  FileReputationChange change;
  change.hashes = some_hashes();
  change.new_reputations.entries = {{Provider::kExternal, TrustLevel::kMightBeTrusted, 5, {}}};
  change.update_time = 5;
  std::string payload;
  append_file_change(change, {}, payload);
  broker.deliver(tiara::sdk::event_on(topic(kTopicFileChangeBroadcast), "not JSON"));
  broker.deliver(tiara::sdk::event_on(topic(kTopicFileChangeBroadcast), payload));
  EXPECT_EQ(arrived.get_future().get(), change);
}

}  // namespace
}  // namespace tie
