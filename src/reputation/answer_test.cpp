#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::Reputation;
using tie::Reputations;
using tie::TrustLevel;

constexpr std::uint64_t kVersion = 216'172'782'113'784'288;  // 3.0.0.480

AnswerContext context() {
  return AnswerContext{.now = kNow, .enterprise_size = 3, .server_version = kVersion};
}

// Vector file-get/resp/unknown-file, with submitMetaData of a pure read.
TEST(Answer, L5UnknownFileHasBothBaseProvidersAtZeroAndDatesOfNow) {
  const Reputations expected{
      .entries = {Reputation{.provider = Provider::kGti,
                             .trust_level = TrustLevel::kNotSet,
                             .create_date = kNow,
                             .attributes = {{"2120340", "0"}}},
                  Reputation{.provider = Provider::kEnterprise,
                             .trust_level = TrustLevel::kNotSet,
                             .create_date = kNow,
                             .attributes = {{"2101652", "0"},
                                            {"2102165", std::to_string(kNow)},
                                            {"2111893", "3"},
                                            {"2114965", "0"},
                                            {"2139285", "216172782113784288"}}}},
      .server_time = kNow,
      .submit_metadata = false};
  EXPECT_EQ(make_answer(nullptr, context()), expected);
}

TEST(Answer, ShowsEveryProviderOfTheRecordWithItsStatistics) {
  FileRecord subject = record(
      hashes(1, 2, 3), {entry(Provider::kEnterprise, TrustLevel::kKnownTrusted, kCreated + 10),
                        entry(Provider::kAtd, TrustLevel::kMostLikelyMalicious, kCreated + 20),
                        entry(Provider::kExternal, TrustLevel::kMightBeMalicious, kCreated + 30)});
  subject.names = {"a.exe", "b.exe"};
  subject.reference_count = 250;
  subject.prevalent = true;
  const Reputations expected{
      .entries = {Reputation{.provider = Provider::kGti,
                             .trust_level = TrustLevel::kNotSet,
                             .create_date = kCreated,
                             .attributes = {{"2120340", "0"}}},
                  Reputation{.provider = Provider::kEnterprise,
                             .trust_level = TrustLevel::kKnownTrusted,
                             .create_date = kCreated + 10,
                             .attributes = {{"2101652", "250"},
                                            {"2102165", std::to_string(kCreated)},
                                            {"2111893", "3"},
                                            {"2114965", "2"},
                                            {"2123156", "1"},
                                            {"2139285", "216172782113784288"}}},
                  Reputation{.provider = Provider::kAtd,
                             .trust_level = TrustLevel::kMostLikelyMalicious,
                             .create_date = kCreated + 20,
                             .attributes = {}},
                  Reputation{.provider = Provider::kExternal,
                             .trust_level = TrustLevel::kMightBeMalicious,
                             .create_date = kCreated + 30,
                             .attributes = {}}},
      .server_time = kNow,
      .submit_metadata = true};
  AnswerContext asked = context();
  asked.submit_metadata = true;
  EXPECT_EQ(make_answer(&subject, asked), expected);
}

TEST(Answer, L7CreateDateOfTheRecordWhenTheSettingSaysSo) {
  const FileRecord subject = record(
      hashes(1, 0, 0), {entry(Provider::kEnterprise, TrustLevel::kKnownTrusted, kCreated + 10)});
  AnswerContext asked = context();
  EXPECT_EQ(make_answer(&subject, asked).entries[1].create_date, kCreated + 10);
  asked.create_date = Settings::CreateDate::kRecord;
  EXPECT_EQ(make_answer(&subject, asked).entries[1].create_date, kCreated);
}

}  // namespace
}  // namespace tiara::reputation
