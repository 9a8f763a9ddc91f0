#include "tiara/output.hpp"

#include <gtest/gtest.h>

namespace tiara::app {
namespace {

const std::string kMd5 = "900150983cd24fb0d6963f7d28e17f72";

Target digest() {
  Target target{kMd5, std::nullopt, {}};
  target.hashes.md5 = *tie::Md5::parse(kMd5);
  return target;
}

Target file(const std::string& path) {
  Target target = digest();
  target.argument = path;
  target.path = path;
  return target;
}

tie::Reputation entry(tie::Provider provider, tie::TrustLevel level) {
  return {provider, level, 1'700'000'000, {}};
}

tie::Reputations two_entries() {
  tie::Reputations reputations;
  reputations.entries = {entry(tie::Provider::kEnterprise, tie::TrustLevel::kNotSet),
                         entry(tie::Provider::kExternal, tie::TrustLevel::kMightBeTrusted)};
  reputations.entries[0].attributes = {{"2101652", "1"}};
  reputations.server_time = 1'700'000'001;
  return reputations;
}

TEST(Output, ReputationsAsATable) {
  EXPECT_EQ(reputations_text(digest(), two_entries()),
            kMd5 +
                "\n"
                "  ENTERPRISE  NOT_SET (0)                    2023-11-14T22:13:20Z\n"
                "  EXTERNAL    MIGHT_BE_TRUSTED (70)          2023-11-14T22:13:20Z\n");
  EXPECT_EQ(reputations_text(file("a\nb"), {}), "a\\x0ab\n  md5 " + kMd5 + "\n  no reputations\n");
}

TEST(Output, ReputationsAsJson) {
  EXPECT_EQ(reputations_json(digest(), two_entries()),
            "{\"hashes\":{\"md5\":\"" + kMd5 +
                "\"},\"reputations\":["
                "{\"providerId\":3,\"trustLevel\":0,\"createDate\":1700000000,"
                "\"attributes\":{\"2101652\":\"1\"}},"
                "{\"providerId\":15,\"trustLevel\":70,\"createDate\":1700000000,"
                "\"attributes\":{}}],"
                "\"props\":{\"serverTime\":1700000001,\"submitMetaData\":0}}");
  EXPECT_EQ(reputations_json(file("setup.exe"), {}),
            "{\"file\":\"setup.exe\",\"hashes\":{\"md5\":\"" + kMd5 +
                "\"},\"reputations\":[],\"props\":{\"serverTime\":0,\"submitMetaData\":0}}");
}

TEST(Output, AChangeNamesWhatChanged) {
  tie::FileReputationChange change;
  change.hashes = digest().hashes;
  change.new_reputations = two_entries();
  change.old_reputations.entries = {entry(tie::Provider::kEnterprise, tie::TrustLevel::kNotSet),
                                    entry(tie::Provider::kAtd, tie::TrustLevel::kUnknown)};
  change.update_time = 1'700'000'002;
  EXPECT_EQ(change_text(change),
            "2023-11-14T22:13:22Z md5 " + kMd5 +
                " EXTERNAL NOT_SET -> MIGHT_BE_TRUSTED ATD UNKNOWN -> NOT_SET");
}

TEST(Output, AChangeAsJsonKeepsTheServicesExtras) {
  tie::FileReputationChange change;
  change.hashes = digest().hashes;
  change.new_reputations.entries = {entry(tie::Provider::kExternal, tie::TrustLevel::kUnknown)};
  change.update_time = 7;
  const std::string common =
      "{\"topic\":\"/t\",\"hashes\":{\"md5\":\"" + kMd5 +
      "\"},\"oldReputations\":{\"reputations\":[],\"props\":{\"serverTime\":0}},"
      "\"newReputations\":{\"reputations\":[{\"providerId\":15,\"trustLevel\":50,"
      "\"createDate\":1700000000,\"attributes\":{}}],\"props\":{\"serverTime\":0}},"
      "\"updateTime\":7";
  EXPECT_EQ(change_json(change, {"/t", "not JSON", {}}), common + "}");
  EXPECT_EQ(
      change_json(change, {"/t",
                           "{\"changeId\":5,\"cause\":{\"providerId\":15,\"kind\":\"external\"},"
                           "\"other\":1}",
                           {}}),
      common + ",\"changeId\":5,\"cause\":{\"providerId\":15,\"kind\":\"external\"}}");
}

TEST(Output, AnExternalReportSaysWhatBecameOfIt) {
  using Outcome = ExternalResult::Outcome;
  const auto result = [](Outcome outcome, std::string reason) {
    return ExternalResult{outcome,
                          tie::TrustLevel::kMightBeTrusted,
                          tie::FileType::kPeexe,
                          {"{1}"},
                          std::move(reason)};
  };
  const std::string sent = "x.exe: Event Sent: MIGHT_BE_TRUSTED (70), type PEEXE: ";
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kAccepted, "")), sent + "accepted");
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kUnchanged, "")), sent + "unchanged");
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kRefused, "disabled\x1b[2J")),
            sent + "refused (disabled\\x1b[2J)");
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kCannotTell, "")), sent + "unknown");
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kNotSeen, "")), sent + "unknown");
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kNoAnswer, "")), sent + "unknown");
  EXPECT_EQ(external_text(file("x.exe"), result(Outcome::kAborted, "why")), "x.exe: Abort: why");
  EXPECT_EQ(external_json(file("x.exe"), result(Outcome::kRefused, "disabled")),
            "{\"file\":\"x.exe\",\"hashes\":{\"md5\":\"" + kMd5 +
                "\"},\"providerId\":15,\"trustLevel\":70,\"fileType\":18,\"outcome\":\"refused\","
                "\"reason\":\"disabled\",\"messageId\":\"{1}\"}");
}

// CVE-2017-3907 of TIE's extension: file names of an attacker's were shown as they came.
TEST(LearntFrom, CVE_2017_3907_FileNamesAndReasonsAreInertAsTextAndAsJson) {
  const std::string hostile = "<b>\x1b[2J\n\xc2\x9b\xe2\x80\xaegpj.exe";
  tie::FileReputationChange change;
  change.hashes = digest().hashes;
  const ExternalResult result{ExternalResult::Outcome::kRefused,
                              tie::TrustLevel::kMightBeTrusted,
                              tie::FileType::kPeexe,
                              {hostile},
                              hostile};
  const dxl::Event event{"/t" + hostile, "{\"cause\":\"\xc2\x9b\xe2\x80\xae\"}", {}};
  for (const std::string& line :
       {external_text(file(hostile), result), external_json(file(hostile), result),
        reputations_json(file(hostile), {}), change_json(change, event),
        error_json(hostile, {dxl::ErrorCode::kPeer, hostile})})
    EXPECT_EQ(printable(line), line);
  EXPECT_EQ(reputations_text(file(hostile), {}).find(printable(hostile) + "\n"), 0U);
}

TEST(Output, ASetAndAnErrorAsJson) {
  EXPECT_EQ(set_json(digest(), tie::TrustLevel::kKnownTrusted),
            "{\"hashes\":{\"md5\":\"" + kMd5 +
                "\"},\"providerId\":3,\"trustLevel\":99,\"outcome\":\"set\"}");
  EXPECT_EQ(error_json("\xff", {dxl::ErrorCode::kTimedOut, "late \"x\""}),
            "{\"argument\":\"\xef\xbf\xbd\",\"error\":{\"code\":\"timed_out\","
            "\"message\":\"late \\\"x\\\"\"}}");
}

}  // namespace
}  // namespace tiara::app
