// The decision from answers to lookups; that from records is in reputation/composite_test.cpp.
#include "tie/explanation.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "tie/payload_vectors.hpp"
#include "tie/service_error.hpp"

namespace tie {
namespace {

void add(Reputations& answer, Provider provider, int level, std::int64_t time = 1) {
  answer.entries.push_back({provider, static_cast<TrustLevel>(level), time, {}});
}

TEST(ExplainAnswer, FollowsTheCasesOfTheReference) {
  const Json table =
      Json::parse(std::ifstream(std::string(TIARA_FIXTURES) + "/reputation/decisions.json"));
  const Json& cases = table.at("composite_cases").contains("cases")
                          ? table.at("composite_cases").at("cases")
                          : table.at("composite_cases");
  std::size_t seen = 0;
  for (const Json& c : cases) {
    Reputations answer;
    for (const auto& [name, provider] :
         {std::pair{"enterprise", Provider::kEnterprise}, std::pair{"gti", Provider::kGti},
          std::pair{"atd", Provider::kAtd}, std::pair{"external", Provider::kExternal}})
      if (!c.at(name).is_null()) add(answer, provider, c.at(name).get<int>());
    const Explanation explained = explain_file(answer);
    EXPECT_EQ(static_cast<int>(explained.trust_level), c.at("composite").get<int>()) << c;
    if (c.at("decided_by").is_null()) {
      EXPECT_EQ(explained.provider, std::nullopt) << c;
    } else {
      EXPECT_EQ(explained.provider, static_cast<Provider>(c.at("decided_by").get<int>())) << c;
    }
    EXPECT_EQ(explained.steps.size(), 8U);
    ++seen;
  }
  EXPECT_GE(seen, 9U);
}

TEST(ExplainAnswer, TheSignerDecidesWhereTheFileHasNoOverride) {
  Reputations file, signer;
  add(file, Provider::kGti, 15);
  add(signer, Provider::kCertEnterprise, 99);
  Explanation explained = explain_file(file, &signer);
  EXPECT_EQ(explained.trust_level, TrustLevel::kKnownTrusted);
  EXPECT_EQ(explained.provider, Provider::kCertEnterprise);
  EXPECT_EQ(explained.step, 2);
  add(file, Provider::kEnterprise, 1);
  explained = explain_file(file, &signer);
  EXPECT_EQ(explained.step, 1);
  EXPECT_EQ(explained.trust_level, TrustLevel::kKnownMalicious);
}

TEST(ExplainAnswer, AFreshLocalLevelBeatsWhatIsOlder) {
  Reputations file;
  add(file, Provider::kGti, 99, 10);
  const LocalLevel fresh{TrustLevel::kMightBeMalicious, 11}, old{TrustLevel::kMightBeMalicious, 9};
  EXPECT_EQ(explain_file(file, nullptr, fresh).step, 3);
  EXPECT_EQ(explain_file(file, nullptr, fresh).provider, std::nullopt);
  EXPECT_EQ(explain_file(file, nullptr, old).step, 5);
}

TEST(ExplainAnswer, ACertificateHasItsThreeSteps) {
  Reputations certificate;
  add(certificate, Provider::kCertGti, 85);
  const Explanation explained = explain_certificate(certificate);
  EXPECT_EQ(explained.step, 4);
  ASSERT_EQ(explained.steps.size(), 3U);
  EXPECT_EQ(explained.steps[0].step, 2);
  EXPECT_EQ(explained.steps[0].detail, "Enterprise of the certificate: none");
  EXPECT_TRUE(explained.steps[1].matched);
}

TEST(Reputations, FindVerdictOfOthersPassesOverExternalAndWhatIsNoVerdict) {
  Reputations answer;
  add(answer, Provider::kEnterprise, 0);
  add(answer, Provider::kGti, 50);
  add(answer, Provider::kExternal, 1);
  EXPECT_EQ(answer.find_verdict_of_others(Provider::kExternal), nullptr);
  add(answer, Provider::kAtd, 30);
  ASSERT_NE(answer.find_verdict_of_others(Provider::kExternal), nullptr);
  EXPECT_EQ(answer.find_verdict_of_others(Provider::kExternal)->provider, Provider::kAtd);
}

TEST(ServiceErrors, TellWhoRefused) {
  using dxl::ErrorCode;
  struct Case {
    dxl::Error error;
    ErrorSource source;
  };
  for (const Case& c :
       {Case{{ErrorCode::kPeer, "", dxl::Error{}.peer_code}, ErrorSource::kService},
        Case{{ErrorCode::kPeer, "", 2}, ErrorSource::kService},
        Case{{ErrorCode::kPeer, "", 0x80000001}, ErrorSource::kFabric},
        Case{{ErrorCode::kPeer, "", static_cast<std::uint32_t>(-2147483647)}, ErrorSource::kFabric},
        Case{{ErrorCode::kNotAuthorised, "", 6}, ErrorSource::kService},
        Case{{ErrorCode::kNotAuthorised, "", 0x80000013}, ErrorSource::kFabric},
        Case{{ErrorCode::kNotAuthorised, ""}, ErrorSource::kClient},
        Case{{ErrorCode::kTimedOut, ""}, ErrorSource::kClient}})
    EXPECT_EQ(source_of(c.error), c.source) << c.error.peer_code;
  EXPECT_TRUE(is_unknown_to_stand_in({ErrorCode::kPeer, "Could not find reputation", 0}));
  EXPECT_FALSE(is_unknown_to_stand_in({ErrorCode::kPeer, "bad", 2}));
  EXPECT_FALSE(is_unknown_to_stand_in({ErrorCode::kTimedOut, ""}));
}

}  // namespace
}  // namespace tie
