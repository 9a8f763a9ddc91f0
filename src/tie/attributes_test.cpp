#include "tie/attributes.hpp"

#include <fstream>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tie/codec.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

using testing::ElementsAre;
using testing::Pair;

const Json& table() {
  static const Json fixture =
      Json::parse(std::ifstream(std::string(TIARA_FIXTURES) + "/tie/attributes.json"));
  return fixture;
}

Reputation entry_with(std::vector<std::pair<std::string, std::string>> attributes) {
  return {.attributes = std::move(attributes)};
}

TEST(Attributes, ServerVersionsDecodeAsTheCodecsSay) {
  for (const Json& c : table().at("server_version")) {
    const auto version = decode_server_version(c.at("encoded").get<std::string>());
    ASSERT_TRUE(version) << c;
    EXPECT_EQ(to_string(*version), c.at("text"));
    EXPECT_EQ(std::to_string(
                  pack_version(version->major, version->minor, version->patch, version->build)),
              c.at("encoded"));
  }
  for (const char* text : {"", "-1", "x", "1 ", "18446744073709551616"})
    EXPECT_FALSE(decode_server_version(text)) << text;
  EXPECT_LT(*decode_server_version("73183493944770750"),
            *decode_server_version("216172782113784288"));
}

TEST(Attributes, AggregatesDecodeAsTheCodecsSay) {
  for (const Json& c : table().at("aggregate")) {
    const auto aggregate = decode_level_aggregate(c.at("base64").get<std::string>());
    ASSERT_TRUE(aggregate) << c;
    const Json& values = c.at("values");
    const LevelAggregate expected{values[0], values[1], values[2], values[3], values[4]};
    EXPECT_EQ(*aggregate, expected) << c;
  }
  for (const Json& text : table().at("aggregate_refused"))
    EXPECT_FALSE(decode_level_aggregate(text.get<std::string>())) << text;
  EXPECT_FALSE(decode_level_aggregate("no base64!"));
}

TEST(Attributes, VersionsOfMetadataDecodeAsTheCodecsSay) {
  for (const Json& c : table().at("os_version")) {
    const auto version = decode_os_version(c.at("encoded").get<std::string>());
    ASSERT_TRUE(version);
    EXPECT_EQ(version->major, c.at("major").get<std::uint32_t>());
    EXPECT_EQ(version->minor, c.at("minor").get<std::uint32_t>());
  }
  for (const Json& c : table().at("content_version")) {
    EXPECT_EQ(decode_content_version(c.at("encoded").get<std::string>()),
              c.at("fields").get<ContentVersion>());
  }
  EXPECT_FALSE(decode_os_version("6.1"));
  EXPECT_FALSE(decode_content_version(""));
}

TEST(Attributes, ProfilerFlagsKeepTheirOrder) {
  const auto flags = decode_profiler_flags("465:1a200;5a5:20;6a5:414c2700");
  ASSERT_TRUE(flags);
  EXPECT_THAT(*flags, ElementsAre(Pair(kProfilerFileSize, 107008), Pair(0x5a5, 0x20),
                                  Pair(0x6a5, 0x414c2700)));
  EXPECT_TRUE(decode_profiler_flags("")->empty());
  for (const char* text : {"465", "465:", ":20", "465:xyz", "465:1;;5a5:20", "465:-1", "0x465:1"})
    EXPECT_FALSE(decode_profiler_flags(text)) << text;
}

TEST(Attributes, TheCloudsAnswerIsReadWithAndWithoutASign) {
  for (const Json& c : table().at("gti_original_response")) {
    const auto gti = decode_file_gti(entry_with({{"2120340", c.at("value").get<std::string>()}}));
    ASSERT_TRUE(gti.original_response) << c;
    EXPECT_EQ(to_dotted(*gti.original_response), c.at("dotted"));
  }
  EXPECT_EQ(decode_file_gti(entry_with({{"2120340", "-1"}})).original_response, 0xFFFFFFFFU);
  EXPECT_FALSE(decode_file_gti(entry_with({{"2120340", "4294967296"}})).original_response);
  EXPECT_EQ(decode_cert_gti(entry_with({{"2120596", "7"}})).original_response, 7U);
}

TEST(Attributes, SandboxLevelsMapToTrustLevels) {
  for (const auto& [severity, level] : table().at("atd_severity_to_trust").items()) {
    const auto atd = decode_atd(entry_with({{"4195730", severity}}));
    ASSERT_TRUE(atd.verdict);
    EXPECT_EQ(static_cast<int>(to_trust_level(*atd.verdict)), level.get<int>()) << severity;
  }
  EXPECT_EQ(to_trust_level(AtdTrustLevel{9}), TrustLevel::kNotSet);
  EXPECT_EQ(to_string(AtdTrustLevel::kMightBeMalicious), "MIGHT_BE_MALICIOUS");
  EXPECT_EQ(to_string(AtdTrustLevel::kNotSet), "NOT_SET");
  EXPECT_EQ(to_string(AtdTrustLevel{9}), "9");
}

// Each id of the original clients' constants, by the member that it must fill.
TEST(Attributes, EveryNamedIdFillsItsMember) {
  const std::map<std::string, std::uint32_t> ids = {
      {"FileEnterpriseAttrib.AVG_LOCAL_REP", kFileAvgLocalRep},
      {"FileEnterpriseAttrib.CHILD_FILE_REPS", kFileChildFileReps},
      {"FileEnterpriseAttrib.DETECTION_COUNT", kFileDetectionCount},
      {"FileEnterpriseAttrib.ENTERPRISE_SIZE", kFileEnterpriseSize},
      {"FileEnterpriseAttrib.FILE_NAME_COUNT", kFileNameCount},
      {"FileEnterpriseAttrib.FIRST_CONTACT", kFileFirstContact},
      {"FileEnterpriseAttrib.IS_PREVALENT", kFileIsPrevalent},
      {"FileEnterpriseAttrib.LAST_DETECTION_TIME", kFileLastDetectionTime},
      {"FileEnterpriseAttrib.MAX_LOCAL_REP", kFileMaxLocalRep},
      {"FileEnterpriseAttrib.MIN_LOCAL_REP", kFileMinLocalRep},
      {"FileEnterpriseAttrib.PARENT_AVG_LOCAL_REP", kFileParentAvgLocalRep},
      {"FileEnterpriseAttrib.PARENT_FILE_REPS", kFileParentFileReps},
      {"FileEnterpriseAttrib.PARENT_MAX_LOCAL_REP", kFileParentMaxLocalRep},
      {"FileEnterpriseAttrib.PARENT_MIN_LOCAL_REP", kFileParentMinLocalRep},
      {"FileEnterpriseAttrib.PREVALENCE", kFilePrevalence},
      {"FileEnterpriseAttrib.SERVER_VERSION", kServerVersion},
      {"CertEnterpriseAttrib.FIRST_CONTACT", kCertFirstContact},
      {"CertEnterpriseAttrib.HAS_FILE_OVERRIDES", kCertHasFileOverrides},
      {"CertEnterpriseAttrib.IS_PREVALENT", kCertIsPrevalent},
      {"CertEnterpriseAttrib.PREVALENCE", kCertPrevalence},
      {"CertEnterpriseAttrib.SERVER_VERSION", kServerVersion},
      {"FileGtiAttrib.FIRST_CONTACT", kGtiFileFirstContact},
      {"FileGtiAttrib.ORIGINAL_RESPONSE", kGtiOriginalResponse},
      {"FileGtiAttrib.PREVALENCE", kGtiFilePrevalence},
      {"CertGtiAttrib.FIRST_CONTACT", kGtiCertFirstContact},
      {"CertGtiAttrib.ORIGINAL_RESPONSE", kGtiOriginalResponse},
      {"CertGtiAttrib.PREVALENCE", kGtiCertPrevalence},
      {"CertGtiAttrib.REVOKED", kGtiCertRevoked},
      {"AtdAttrib.AV_ENGINE_SCORE", kAtdAvEngineScore},
      {"AtdAttrib.BEHAVIORS", kAtdBehaviors},
      {"AtdAttrib.GAM_SCORE", kAtdGamScore},
      {"AtdAttrib.SANDBOX_SCORE", kAtdSandboxScore},
      {"AtdAttrib.VERDICT", kAtdVerdict},
  };
  std::size_t named = 0;
  for (const auto& [group, constants] : table().at("ids").items()) {
    for (const auto& [name, id] : constants.items()) {
      ++named;
      const auto ours = ids.find(group + "." + name);
      ASSERT_NE(ours, ids.end()) << group << "." << name;
      EXPECT_EQ(std::to_string(ours->second), id) << group << "." << name;
    }
  }
  EXPECT_EQ(named, ids.size());
}

TEST(Attributes, TheEnterpriseEntryOfTheVectorDecodes) {
  const auto answer = decode_reputations(payload_of("file-get/resp/atd-and-external"));
  ASSERT_TRUE(answer);
  const FileEnterpriseAttributes file =
      decode_file_enterprise(*answer->find(Provider::kEnterprise));
  EXPECT_EQ(file.prevalence, 4U);
  EXPECT_EQ(file.first_contact, 1700000000);
  EXPECT_EQ(file.enterprise_size, 242U);
  EXPECT_EQ(file.min_local_rep, 30U);
  EXPECT_EQ(file.max_local_rep, 70U);
  EXPECT_EQ(file.avg_local_rep, 55U);
  EXPECT_EQ(file.parent_min_local_rep, 0U);
  EXPECT_EQ(file.detection_count, 1U);
  EXPECT_EQ(file.last_detection_time, 1700000300);
  EXPECT_EQ(file.file_name_count, 2U);
  EXPECT_EQ(file.is_prevalent, false);
  EXPECT_EQ(file.parent_file_reps, (LevelAggregate{1, 0, 0, 0, 0}));
  EXPECT_EQ(file.child_file_reps, (LevelAggregate{2, 100, 50, 100, 75.0}));
  EXPECT_EQ(to_string(file.server_version.value()), "3.0.0.480");
  const AtdAttributes atd = decode_atd(*answer->find(Provider::kAtd));
  EXPECT_EQ(atd.gam_score, AtdTrustLevel::kMightBeMalicious);
  EXPECT_EQ(atd.av_engine_score, AtdTrustLevel::kNotSet);
  EXPECT_EQ(atd.sandbox_score, AtdTrustLevel::kMostLikelyMalicious);
  EXPECT_EQ(atd.verdict, AtdTrustLevel::kMostLikelyMalicious);
  EXPECT_FALSE(atd.behaviors);
}

TEST(Attributes, TheCertificatesEntryDecodes) {
  const auto cert = decode_cert_enterprise(entry_with({{"2109333", "12"},
                                                       {"2109589", "1396563520"},
                                                       {"2122901", "1"},
                                                       {"2125972", "0"},
                                                       {"2139285", "216172782113784288"}}));
  const CertEnterpriseAttributes expected{.prevalence = 12,
                                          .first_contact = 1396563520,
                                          .has_file_overrides = true,
                                          .is_prevalent = false,
                                          .server_version = ServerVersion{3, 0, 0, 480}};
  EXPECT_EQ(cert, expected);
  const auto gti =
      decode_cert_gti(entry_with({{"2109077", "5"}, {"2108821", "6"}, {"2117524", "1"}}));
  EXPECT_EQ(gti.first_contact, 5);
  EXPECT_EQ(gti.prevalence, 6U);
  EXPECT_EQ(gti.revoked, true);
}

TEST(Attributes, WhatIsMissingOrUnreadableIsAbsentAndUnknownOnesStay) {
  EXPECT_EQ(decode_file_enterprise({}), FileEnterpriseAttributes{});
  const Reputation odd = entry_with({{"2101652", "many"},
                                     {"2102165", "1.5"},
                                     {"2123156", "2"},
                                     {"2138264", "AgBkADIA"},
                                     {"2139285", ""},
                                     {"2123412", "1"},
                                     {"2125716", "44"},
                                     {"4711", "kept"}});
  FileEnterpriseAttributes expected;
  expected.statistics[0] = 1;
  expected.statistics[9] = 44;
  EXPECT_EQ(decode_file_enterprise(odd), expected);
  EXPECT_EQ(attribute_text(odd, 4711), "kept");
  EXPECT_EQ(attribute_number(odd, 4711), std::nullopt);
  EXPECT_EQ(attribute_text(odd, 4712), std::nullopt);
}

}  // namespace
}  // namespace tie
