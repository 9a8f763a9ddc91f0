#include "reputation/composite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/decision_vectors.hpp"
#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tie::Provider;
using tie::TrustLevel;

using Levels = std::vector<std::pair<Provider, int>>;

std::vector<ProviderEntry> entries(const Levels& levels, std::int64_t time = kCreated) {
  std::vector<ProviderEntry> result;
  for (const auto& [provider, level] : levels)
    entry_of(result, provider) = entry(provider, static_cast<TrustLevel>(level), time);
  return result;
}

CertRecord signer(const Levels& levels) {
  CertRecord result;
  result.entries = entries(levels);
  return result;
}

TEST(Composite, FollowsTheCasesOfTheReference) {
  const auto& cases = decision_vectors().at("composite_cases").at("cases");
  ASSERT_EQ(cases.size(), 9U);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.dump());
    FileRecord file = record(hashes(1, 0, 0));
    for (const auto& [name, provider] :
         std::vector<std::pair<const char*, Provider>>{{"enterprise", Provider::kEnterprise},
                                                       {"gti", Provider::kGti},
                                                       {"atd", Provider::kAtd},
                                                       {"external", Provider::kExternal}}) {
      if (!c.at(name).is_null())
        entry_of(file.entries, provider).trust_level =
            static_cast<TrustLevel>(c.at(name).get<int>());
    }
    const tie::Explanation explained = explain_file(&file, nullptr);
    EXPECT_EQ(static_cast<int>(explained.trust_level), c.at("composite").get<int>());
    if (c.at("decided_by").is_null())
      EXPECT_EQ(explained.provider, std::nullopt);
    else
      EXPECT_EQ(explained.provider, static_cast<Provider>(c.at("decided_by").get<int>()));
  }
}

// The table of §6.2 with a certificate and a local level. Entries are of kCreated.
struct StepCase {
  const char* name;
  Levels file;
  Levels certificate;
  int local;  // 0: none
  std::int64_t local_time;
  int level;
  std::optional<Provider> provider;
  int step;
};

TEST(Composite, EachStepDecidesWhenNoneBeforeItDoes) {
  constexpr std::int64_t kLater = kCreated + 1;
  constexpr std::int64_t kEarlier = kCreated - 1;
  constexpr auto kFile = Provider::kEnterprise;
  constexpr auto kCert = Provider::kCertEnterprise;
  constexpr auto kGti = Provider::kGti;
  constexpr auto kCertGti = Provider::kCertGti;
  constexpr auto kAtd = Provider::kAtd;
  constexpr auto kMwg = Provider::kMwg;
  constexpr auto kExternal = Provider::kExternal;
  const std::vector<StepCase> cases{
      {"1: the file before its certificate", {{kFile, 1}}, {{kCert, 99}}, 70, kLater, 1, kFile, 1},
      {"2: the certificate", {{kGti, 1}}, {{kCert, 85}}, 70, kLater, 85, kCert, 2},
      {"2: also if it is 50", {{kGti, 1}}, {{kCert, 50}}, 0, 0, 50, kCert, 2},
      {"3: local, most recent", {{kGti, 1}}, {{kCertGti, 99}}, 42, kLater, 42, {}, 3},
      {"3: local, alone", {}, {}, 30, kEarlier, 30, {}, 3},
      {"3: not if the certificate's is as recent",
       {},
       {{kCertGti, 99}},
       1,
       kCreated,
       99,
       kCertGti,
       4},
      {"3: a level of 0 is not more recent", {{kGti, 0}}, {}, 30, kEarlier, 30, {}, 3},
      {"4: clean certificate", {{kGti, 1}}, {{kCertGti, 70}}, 0, 0, 70, kCertGti, 4},
      {"4: not one that is not clean", {{kGti, 1}}, {{kCertGti, 30}}, 0, 0, 1, kGti, 5},
      {"5: in order", {{kGti, 30}, {kAtd, 85}, {kMwg, 1}}, {}, 0, 0, 85, kAtd, 5},
      {"5: the last of them", {{kGti, 30}, {kAtd, 70}, {kMwg, 100}}, {}, 0, 0, 100, kMwg, 5},
      {"6: GTI of 30", {{kGti, 30}, {kAtd, 70}}, {}, 0, 0, 30, kGti, 6},
      {"6: GTI of 70", {{kGti, 70}, {kAtd, 30}}, {}, 0, 0, 70, kGti, 6},
      {"7: local first", {{kGti, 50}, {kAtd, 30}}, {}, 20, kEarlier, 20, {}, 7},
      {"7: then the certificate", {{kGti, 50}}, {{kCertGti, 30}}, 0, 0, 30, kCertGti, 7},
      {"7: then GTI", {{kGti, 50}, {kAtd, 30}}, {}, 0, 0, 50, kGti, 7},
      {"7: then ATD", {{kAtd, 30}, {kMwg, 70}}, {}, 0, 0, 30, kAtd, 7},
      {"7: then MWG", {{kMwg, 70}}, {}, 0, 0, 70, kMwg, 7},
      {"nothing", {}, {}, 0, 0, 0, {}, 0},
      {"External: an override of the certificate",
       {{kExternal, 1}},
       {{kCert, 50}},
       0,
       0,
       50,
       kCert,
       2},
      {"External: a verdict of the certificate",
       {{kExternal, 1}},
       {{kCertGti, 30}},
       0,
       0,
       30,
       kCertGti,
       7},
      {"External: a local verdict", {{kExternal, 1}}, {}, 51, kEarlier, 51, {}, 3},
      {"External: local 50 is no verdict",
       {{kExternal, 1}},
       {{kCertGti, 50}},
       50,
       kLater,
       1,
       kExternal,
       0},
      {"External: MWG has a verdict", {{kMwg, 70}, {kExternal, 1}}, {}, 0, 0, 70, kMwg, 7},
      {"External of 50", {{kGti, 0}, {kExternal, 50}}, {}, 0, 0, 50, kExternal, 0},
  };
  for (const StepCase& c : cases) {
    SCOPED_TRACE(c.name);
    FileRecord file = record(hashes(1, 0, 0), entries(c.file));
    if (c.local != 0) {
      file.details.local.add(static_cast<std::uint8_t>(c.local));
      file.details.local_time = c.local_time;
    }
    const CertRecord certificate = signer(c.certificate);
    const tie::Explanation explained = explain_file(&file, &certificate);
    EXPECT_EQ(static_cast<int>(explained.trust_level), c.level);
    EXPECT_EQ(explained.provider, c.provider);
    EXPECT_EQ(explained.step, c.step);
    const Decision decision = decide_file(&file, &certificate);
    EXPECT_EQ(static_cast<int>(decision.trust_level), c.level);
    EXPECT_EQ(decision.provider, c.provider);
    EXPECT_EQ(decision.step, c.step);
  }
}

TEST(Composite, ListsEveryStepWithWhatItLookedAt) {
  const FileRecord file =
      record(hashes(1, 0, 0), entries({{Provider::kAtd, 15}, {Provider::kExternal, 99}}));
  const tie::Explanation explained = explain_file(&file, nullptr);
  ASSERT_EQ(explained.steps.size(), 8U);
  std::vector<int> matched;
  for (std::size_t i = 0; i < explained.steps.size(); ++i) {
    EXPECT_EQ(explained.steps[i].step, static_cast<int>(i));
    EXPECT_FALSE(explained.steps[i].rule.empty());
    if (explained.steps[i].matched) matched.push_back(explained.steps[i].step);
  }
  EXPECT_THAT(matched, ElementsAre(5, 7));
  EXPECT_EQ(explained.steps[0].detail, "External: 99; out because of ATD: 15");
  EXPECT_EQ(explained.steps[5].detail, "GTI: none, ATD: 15, MWG: none");
}

TEST(Composite, SaysWhyALocalLevelIsPassedOver) {
  FileRecord file = record(hashes(1, 0, 0), entries({{Provider::kGti, 99}}));
  file.details.local.add(1);
  file.details.local_time = kCreated - 1;
  EXPECT_THAT(explain_file(&file, nullptr).steps[3].detail,
              HasSubstr("latest local: 1, not the most recent"));
}

TEST(Composite, AnUnknownFileHasNone) {
  const tie::Explanation explained = explain_file(nullptr, nullptr);
  EXPECT_EQ(explained.trust_level, TrustLevel::kNotSet);
  EXPECT_EQ(explained.provider, std::nullopt);
  EXPECT_EQ(explained.steps.size(), 8U);
  EXPECT_EQ(decide_file(nullptr, nullptr).trust_level, TrustLevel::kNotSet);
  EXPECT_EQ(decide_file(nullptr, nullptr).provider, std::nullopt);
}

TEST(Composite, ACertificateHasTheStepsThatLookAtIt) {
  const CertRecord both = signer({{Provider::kCertGti, 99}, {Provider::kCertEnterprise, 1}});
  const tie::Explanation overridden = explain_certificate(&both);
  EXPECT_EQ(overridden.provider, Provider::kCertEnterprise);
  EXPECT_EQ(overridden.step, 2);
  ASSERT_EQ(overridden.steps.size(), 3U);

  const CertRecord clean = signer({{Provider::kCertGti, 99}});
  EXPECT_EQ(explain_certificate(&clean).step, 4);
  const CertRecord suspicious = signer({{Provider::kCertGti, 30}});
  EXPECT_EQ(explain_certificate(&suspicious).step, 7);
  EXPECT_EQ(explain_certificate(nullptr).provider, std::nullopt);
}

}  // namespace
}  // namespace tiara::reputation
