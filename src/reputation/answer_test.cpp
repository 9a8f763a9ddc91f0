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

// The Enterprise and ATD entries of vector file-get/resp/atd-and-external.
TEST(Answer, ShowsEveryValueThereIs) {
  FileRecord subject =
      record(hashes(1, 2, 3), {entry(Provider::kAtd, TrustLevel::kMostLikelyMalicious, kNow)});
  subject.entries[0].attributes = {{"4194962", "3"}, {"4195218", "-2"}};
  subject.names = {"a.exe", "b.exe"};
  subject.reference_count = 4;
  FileDetails& details = subject.details;
  details.described = true;
  details.local.add(30);
  details.local.add(70);
  details.local.add(65);
  details.parents.add(0);
  details.children.add(50);
  details.children.add(100);
  details.detection_count = 1;
  details.last_detection = kCreated + 300;
  const Reputations answer = make_answer(&subject, context());
  ASSERT_EQ(answer.entries.size(), 3U);
  EXPECT_EQ(answer.entries[1].attributes,
            (std::vector<std::pair<std::string, std::string>>{{"2101652", "4"},
                                                              {"2102165", std::to_string(kCreated)},
                                                              {"2111893", "3"},
                                                              {"2112148", "30"},
                                                              {"2112404", "70"},
                                                              {"2112660", "55"},
                                                              {"2112916", "0"},
                                                              {"2113172", "0"},
                                                              {"2113428", "0"},
                                                              {"2113685", "1"},
                                                              {"2113942", "1700000300"},
                                                              {"2114965", "2"},
                                                              {"2123156", "0"},
                                                              {"2138264", "AQAAAAAAAAAAAA=="},
                                                              {"2138520", "AgBkADIAZABMHQ=="},
                                                              {"2139285", "216172782113784288"}}));
  EXPECT_EQ(answer.entries[2].attributes, subject.entries[0].attributes);
}

// Codec example "//9kAAAADwAFDQ==": 65535, 100, 0, 15, 33.33.
TEST(Answer, AggregateBlocksKeepALargeCountAtTheLargest) {
  FileRecord subject = record(hashes(1, 0, 0));
  subject.details.children =
      LevelAggregate{.count = 300'000, .sum = 9'999'000, .min = 0, .max = 100, .latest = 15};
  const auto attributes = make_answer(&subject, context()).entries[1].attributes;
  EXPECT_THAT(attributes, testing::Contains(
                              std::pair(std::string("2138520"), std::string("//9kAAAADwAFDQ=="))));
}

TEST(Answer, ShowsALevelOfTheCloudThatIsStored) {
  FileRecord subject = record(hashes(1, 0, 0), {entry(Provider::kGti, TrustLevel::kUnknown, kNow)});
  const Reputations answer = make_answer(&subject, context());
  ASSERT_EQ(answer.entries.size(), 2U);
  EXPECT_EQ(answer.entries[0].trust_level, TrustLevel::kUnknown);
  EXPECT_EQ(answer.entries[0].create_date, kNow);
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
