// External reports with verification, withdrawn and forced.
#include <atomic>

#include "sdk/tie_client_fixture.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using testing::HasSubstr;
using Kind = ExternalOutcome::Kind;
using Verdict = VerifiedReport::Verdict;

class TieExternal : public TieClient {
 protected:
  ExternalReport report{.hashes = some_hashes(),
                        .trust_level = TrustLevel::kMightBeTrusted,
                        .file_type = FileType::kPeexe,
                        .filename = "random.exe",
                        .comment = {}};
  void allow(bool allowed) {
    answers(kTopicFabricAuthorization,
            {R"({"topics":[{"topic":"/mcafee/event/external/file/report","allowed":)" +
             std::string(allowed ? "true" : "false") +
             R"(,"groups":["TIE Server Set External Reputation"],"reason":"not a member"}]})"});
  }
  bool nothing_was_published() const { return !broker.last(topic(kTopicExternalReport)); }
};

TEST_F(TieExternal, AnAcceptedReportIsVerified) {
  allow(true);
  for (const char* outcome : {"accepted", "unchanged"}) {
    answers(kTopicReportOutcome, {std::string(R"({"outcome":")") + outcome + R"("})"});
    const auto verified = tie.report_and_verify(report);
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->verdict, Verdict::kAccepted) << outcome;
    EXPECT_EQ(verified->reason, "");
    const auto event = std::get<dxl::Event>(*broker.last(topic(kTopicExternalReport)));
    EXPECT_EQ(event.header.message_id, verified->report);
    EXPECT_THAT(payload_on(kTopicReportOutcome), HasSubstr(verified->report.value));
  }
}

TEST_F(TieExternal, AReportThatTheServiceDropsIsRefusedWithItsReason) {
  allow(true);
  answers(kTopicReportOutcome, {R"({"outcome":"refused","reason":"filename: empty"})"});
  const auto verified = tie.report_and_verify(report);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->verdict, Verdict::kRefused);
  EXPECT_EQ(verified->outcome.kind, Kind::kRefused);
  EXPECT_EQ(verified->reason, "filename: empty");
}

TEST_F(TieExternal, AReportThatTheBrokerWouldDropIsRefusedAndNotSent) {
  allow(false);
  const auto verified = tie.report_and_verify(report);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->verdict, Verdict::kRefused);
  EXPECT_EQ(verified->reason,
            "unauthorized: the broker would drop the report: not a member; needs the group "
            "\"TIE Server Set External Reputation\"");
  EXPECT_TRUE(verified->report.empty());
  EXPECT_FALSE(verified->permission.allowed);
  EXPECT_TRUE(nothing_was_published());
}

TEST_F(TieExternal, AnOriginalServiceIsLookedAt) {
  broker.refuse(topic(kTopicFabricAuthorization), dxl::kServiceUnavailable, "unable to locate");
  broker.refuse(topic(kTopicReportOutcome), dxl::kServiceUnavailable, "unable to locate");
  answers(kTopicFileReputation,
          {R"({"reputations":[{"providerId":1,"trustLevel":0,"createDate":1}]})",
           R"({"reputations":[{"providerId":15,"trustLevel":70,"createDate":1}]})"});
  auto verified = tie.report_and_verify(report);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->verdict, Verdict::kAccepted);
  EXPECT_EQ(verified->outcome.kind, Kind::kCannotTell);
  EXPECT_THAT(verified->reason, HasSubstr("its answers hold the level"));
  EXPECT_EQ(times_asked(kTopicFileReputation), 2U);

  answers(kTopicFileReputation, {"{}"});
  verified = tie.report_and_verify(report, milliseconds(1'000));
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->verdict, Verdict::kCannotTell);
  EXPECT_EQ(verified->reason, "the service does not tell what becomes of reports");
}

TEST_F(TieExternal, SilenceAndRefusedQuestionsMeanCannotTell) {
  allow(true);
  silence(kTopicReportOutcome);
  auto verified = tie.report_and_verify(report, milliseconds(40));
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->verdict, Verdict::kCannotTell);
  EXPECT_EQ(verified->outcome.kind, Kind::kNoAnswer);
  EXPECT_FALSE(verified->report.empty());

  broker.refuse(topic(kTopicReportOutcome), 6, "not yours");
  verified = tie.report_and_verify(report);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->verdict, Verdict::kCannotTell);
  EXPECT_EQ(verified->reason, "not yours");
  EXPECT_EQ(verified->failure.value().code, ErrorCode::kNotAuthorised);
}

TEST_F(TieExternal, LevelZeroWithdraws) {
  const auto id = tie.withdraw_external_file_reputation(some_hashes(), "random.exe", "mistake");
  ASSERT_TRUE(id);
  const std::string expected =
      R"({"file":{"type":0,"hashes":{"md5":"00112233445566778899aabbccddeeff"},)"
      R"("attributes":{"filename":"random.exe"},"reputation":{"score":0}},)"
      R"("provider":{"id":15},"comment":"mistake"})";
  EXPECT_EQ(std::get<dxl::Event>(*broker.last(topic(kTopicExternalReport))).payload, expected);

  // Verified at an original: no entry is left.
  broker.refuse(topic(kTopicFabricAuthorization), dxl::kServiceUnavailable, "unable to locate");
  broker.refuse(topic(kTopicReportOutcome), dxl::kServiceUnavailable, "unable to locate");
  answers(kTopicFileReputation, {"{}"});
  report.trust_level = TrustLevel::kNotSet;
  EXPECT_EQ(tie.report_and_verify(report).value().verdict, Verdict::kAccepted);
}

TEST_F(TieExternal, AnUnknownFileTypeNeedsToBeForced) {
  const auto strict =
      tie.set_external_file_reputation(TrustLevel::kUnknown, some_hashes(), FileType{32}, "n");
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().message, "FileType was not a valid entry");
  report.file_type = FileType{32};
  EXPECT_EQ(tie.report_and_verify(report).error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(nothing_was_published());
  EXPECT_TRUE(tie.set_external_file_reputation(TrustLevel::kUnknown, some_hashes(), FileType{32},
                                               "n", "", FileTypeCheck::kAny));
  EXPECT_THAT(std::get<dxl::Event>(*broker.last(topic(kTopicExternalReport))).payload,
              HasSubstr(R"("type":32,)"));
}

TEST_F(TieExternal, WarnsOfAnEmptyName) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(tie.set_external_file_reputation(TrustLevel::kUnknown, some_hashes()));
  EXPECT_TRUE(tie.set_external_file_reputation(TrustLevel::kUnknown, some_hashes(), FileType::kNone,
                                               "named"));
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string warning = "an External report without a file name";
  const auto at = log.find(warning);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(log.find(warning, at + 1), std::string::npos);
}

}  // namespace
}  // namespace tie
