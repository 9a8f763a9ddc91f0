#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using tie::Provider;
using tie::TrustLevel;

constexpr auto kBad = TrustLevel::kKnownMalicious;
constexpr auto kGood = TrustLevel::kKnownTrusted;

FileRecord touched(FileRecord subject) {
  touch(subject.last_used, kNow);
  return subject;
}

TEST(Lookup, L5CreatesTheRecordAndCountsTheSystem) {
  const LookupOutcome result =
      apply_endpoint_lookup(hashes(1, 0, 0), {}, kNow, true, 1, Settings{}, {});
  FileRecord expected = record(hashes(1, 0, 0));
  expected.created = expected.first_contact = kNow;
  expected.reference_count = 1;
  expected.first_instance_sent = true;
  expected = touched(expected);
  EXPECT_THAT(result.outcome.store, ElementsAre(expected));
  EXPECT_THAT(result.outcome.events, IsEmpty());
  EXPECT_TRUE(result.first_instance);
  EXPECT_TRUE(result.prevalence);
}

TEST(Lookup, L9FirstInstanceOnceEvenIfAReportCreatedTheRecord) {
  const FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kExternal, kBad)});
  const LookupOutcome first =
      apply_endpoint_lookup(hashes(1, 0, 0), {}, kNow, true, 1, Settings{}, known({&before}));
  EXPECT_TRUE(first.first_instance);
  const LookupOutcome second =
      apply_endpoint_lookup(hashes(1, 0, 0), {}, kNow, true, 2, Settings{}, known({&first.record}));
  EXPECT_FALSE(second.first_instance);
  EXPECT_TRUE(second.prevalence);
  EXPECT_EQ(second.record.reference_count, 2U);
}

TEST(Lookup, L9AMergeWithARecordThatHadItsEventCountsAsSent) {
  const FileRecord main = record(hashes(0, 0, 3), {entry(Provider::kEnterprise, kGood)});
  FileRecord joining = record(hashes(1, 0, 0));
  joining.first_instance_sent = true;
  EXPECT_FALSE(apply_endpoint_lookup(hashes(1, 0, 3), {}, kNow, true, 1, Settings{},
                                     known({&main, &joining}))
                   .first_instance);
}

TEST(Lookup, RepeatedBySameSystemOnTheSameDayChangesNothing) {
  const LookupOutcome first =
      apply_endpoint_lookup(hashes(1, 0, 0), {}, kNow, true, 1, Settings{}, {});
  const LookupOutcome again = apply_endpoint_lookup(hashes(1, 0, 0), {}, kNow, false, 1, Settings{},
                                                    known({&first.record}));
  EXPECT_EQ(again.outcome, Outcome{});
  EXPECT_FALSE(again.first_instance || again.prevalence);
}

TEST(Lookup, L8LeavesDigestsOfAnOverriddenFileAlone) {
  const FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood)});
  const LookupOutcome result =
      apply_endpoint_lookup(hashes(1, 0, 3), {}, kNow, true, 1, Settings{}, known({&before}));
  ASSERT_EQ(result.outcome.store.size(), 1U);
  EXPECT_EQ(result.record.hashes, hashes(1, 0, 0));
}

struct PrevalenceCase {
  const char* name;
  std::uint64_t references;  // before the lookup
  std::uint64_t enterprise_size;
  bool prevalent;
};

TEST(Lookup, L19PrevalentNeedsTheNumberAndTheShare) {
  const std::vector<PrevalenceCase> cases{
      {"below the number", 198, 200, false},
      {"number and share", 199, 20'000, true},
      {"below the share", 199, 20'001, false},
  };
  for (const PrevalenceCase& c : cases) {
    SCOPED_TRACE(c.name);
    FileRecord before = record(hashes(1, 0, 0));
    before.reference_count = c.references;
    const LookupOutcome result = apply_endpoint_lookup(
        hashes(1, 0, 0), {}, kNow, true, c.enterprise_size, Settings{}, known({&before}));
    EXPECT_EQ(result.record.prevalent, c.prevalent);
    EXPECT_TRUE(result.prevalence);
  }
}

TEST(Lookup, L19OncePrevalentAlwaysPrevalentWithoutFurtherEvents) {
  FileRecord before = record(hashes(1, 0, 0));
  before.reference_count = 300;
  before.prevalent = true;
  const LookupOutcome result = apply_endpoint_lookup(hashes(1, 0, 0), {}, kNow, true, 1'000'000,
                                                     Settings{}, known({&before}));
  EXPECT_TRUE(result.record.prevalent);
  EXPECT_FALSE(result.prevalence);
}

TEST(Lookup, StoresTheFirstSignerAndReportsAnother) {
  const LookupOutcome first =
      apply_endpoint_lookup(hashes(1, 0, 0), certificate(7), kNow, true, 1, Settings{}, {});
  EXPECT_EQ(first.record.signer, certificate(7));
  const LookupOutcome key = apply_endpoint_lookup(hashes(1, 0, 0), certificate(7, 8), kNow, false,
                                                  1, Settings{}, known({&first.record}));
  EXPECT_THAT(key.outcome.store, ElementsAre(key.record));
  EXPECT_EQ(key.record.signer, certificate(7, 8));
  const LookupOutcome other = apply_endpoint_lookup(hashes(1, 0, 0), certificate(9), kNow, false, 1,
                                                    Settings{}, known({&key.record}));
  EXPECT_EQ(other.outcome, (Outcome{.store = {}, .moves = {}, .events = {}, .conflict = true}));
}

TEST(WantsMetadata, UntilDescribedAndPrevalent) {
  EXPECT_TRUE(wants_metadata(static_cast<const FileRecord*>(nullptr)));
  FileRecord subject = record(hashes(1, 0, 0));
  subject.details.described = true;
  EXPECT_TRUE(wants_metadata(&subject));
  subject.prevalent = true;
  EXPECT_FALSE(wants_metadata(&subject));
  subject.details.described = false;
  EXPECT_TRUE(wants_metadata(&subject));
}

}  // namespace
}  // namespace tiara::reputation
