#include "reputation/engine.hpp"

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

tie::ExternalReport report(const tie::FileHashes& digests, TrustLevel level,
                           std::string filename = "x.exe") {
  return tie::ExternalReport{.hashes = digests,
                             .trust_level = level,
                             .file_type = tie::FileType::kPeexe,
                             .filename = std::move(filename),
                             .comment = "seen"};
}

FileRecord touched(FileRecord subject) {
  touch(subject.last_used, kNow);
  return subject;
}

TEST(Set, L5CreatesAnUnknownFileWithOneEvent) {
  FileRecord expected = record(hashes(1, 0, 3), {entry(Provider::kEnterprise, kGood, kNow, "why")});
  expected.created = expected.first_contact = kNow;
  expected.names = {"a.exe"};
  expected = touched(expected);
  EXPECT_EQ(apply_set(hashes(1, 0, 3), kGood, "a.exe", "why", kNow, {}),
            (Outcome{.store = {expected},
                     .moves = {},
                     .events = {Change{.before = std::nullopt, .after = expected}},
                     .conflict = false}));
}

TEST(Set, L7CreateDateFollowsTheLevelOnly) {
  const FileRecord before =
      record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood, kCreated, "old")});
  FileRecord expected = touched(before);
  expected.entries = {entry(Provider::kEnterprise, kBad, kNow, "")};
  const Outcome outcome = apply_set(hashes(1, 0, 0), kBad, "", "", kNow, known({&before}));
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.events, ElementsAre(Change{.before = before, .after = expected}));
}

TEST(Set, L12SameLevelStoresNameAndCommentWithoutEvent) {
  const FileRecord before =
      record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood, kCreated, "old")});
  FileRecord expected = touched(before);
  expected.entries = {entry(Provider::kEnterprise, kGood, kCreated, "new")};
  expected.names = {"a.exe"};
  const Outcome outcome = apply_set(hashes(1, 0, 0), kGood, "a.exe", "new", kNow, known({&before}));
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.events, IsEmpty());
}

TEST(Set, L3LevelZeroRemovesTheOverrideAndKeepsTheEntry) {
  const FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood)});
  FileRecord expected = touched(before);
  expected.entries = {entry(Provider::kEnterprise, TrustLevel::kNotSet, kNow)};
  const Outcome outcome =
      apply_set(hashes(1, 0, 0), TrustLevel::kNotSet, "", "", kNow, known({&before}));
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.events, ElementsAre(Change{.before = before, .after = expected}));
}

TEST(Set, L3LevelZeroOnAnUnknownFileCreatesNothing) {
  EXPECT_EQ(apply_set(hashes(1, 2, 3), TrustLevel::kNotSet, "a", "b", kNow, {}), Outcome{});
}

TEST(Set, L3LevelZeroWithoutOverrideMakesNoEntryAndNoEvent) {
  const FileRecord before = record(hashes(1, 0, 0));
  const Outcome outcome =
      apply_set(hashes(1, 0, 0), TrustLevel::kNotSet, "", "note", kNow, known({&before}));
  EXPECT_THAT(outcome.store, IsEmpty());
  EXPECT_THAT(outcome.events, IsEmpty());
}

TEST(Set, L8TeachesAlsoDigestsOfAnOverriddenFile) {
  FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood)});
  before.reference_count = 2;
  const Outcome outcome = apply_set(hashes(1, 0, 3), kGood, "", "", kNow, known({&before}));
  FileRecord expected = touched(before);
  expected.hashes = hashes(1, 0, 3);
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.moves,
              ElementsAre(Outcome::Move{.from = hashes(1, 0, 0), .to = hashes(1, 0, 3)}));
  EXPECT_THAT(outcome.events, IsEmpty());
}

TEST(Set, L8MergesJoiningRecordsWithOneEventPerChangedFormerRecord) {
  FileRecord main = record(hashes(0, 0, 3));
  FileRecord joining = record(hashes(2, 0, 0), {entry(Provider::kEnterprise, kGood)});
  joining.reference_count = 1;
  Known both = known({&main, &joining});
  both.joined_references = 1;
  const Outcome outcome = apply_set(hashes(2, 0, 3), kGood, "", "", kNow, both);
  FileRecord expected = touched(merge_records(main, joining));
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.events, ElementsAre(Change{.before = main, .after = expected}));
  EXPECT_THAT(outcome.moves,
              ElementsAre(Outcome::Move{.from = hashes(2, 0, 0), .to = hashes(2, 0, 3)}));
}

TEST(Set, L8ContradictingDigestIsNotStoredAndReported) {
  const FileRecord main = record(hashes(1, 0, 3));
  const Outcome outcome = apply_set(hashes(9, 0, 3), kGood, "", "", kNow, known({&main}));
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_EQ(outcome.store[0].hashes, hashes(1, 0, 3));
  EXPECT_TRUE(outcome.conflict);
}

TEST(Set, L8EqualMd5UnderAnotherSha256MakesANewRecordWithoutIt) {
  const FileRecord other = record(hashes(1, 1, 1));
  const Outcome outcome = apply_set(hashes(1, 0, 9), kBad, "", "", kNow, known({&other}));
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_EQ(outcome.store[0].hashes, hashes(0, 0, 9));
  EXPECT_EQ(outcome.events[0].before, std::nullopt);
}

TEST(External, L1IsStoredBesideAnOverrideWithAnEvent) {
  const FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood)});
  FileRecord expected = touched(before);
  expected.entries.push_back(entry(Provider::kExternal, kBad, kNow, "seen"));
  expected.names = {"x.exe"};
  expected.file_type = 18;
  const Outcome outcome =
      apply_external(report(hashes(1, 0, 0), kBad), kNow, Settings{}, known({&before}));
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.events, ElementsAre(Change{.before = before, .after = expected}));
}

TEST(External, L2EmptyNameGivesTheFileNoNewName) {
  const Outcome outcome = apply_external(report(hashes(1, 0, 0), kBad, ""), kNow, Settings{}, {});
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_THAT(outcome.store[0].names, IsEmpty());
}

TEST(External, L3LevelZeroRemovesTheEntry) {
  const FileRecord before =
      record(hashes(1, 0, 0), {entry(Provider::kExternal, kBad, kCreated, "seen")});
  const Outcome outcome = apply_external(report(hashes(1, 0, 0), TrustLevel::kNotSet), kNow,
                                         Settings{}, known({&before}));
  ASSERT_EQ(outcome.events.size(), 1U);
  EXPECT_EQ(outcome.events[0].before, before);
  EXPECT_THAT(outcome.events[0].after.entries, IsEmpty());
}

TEST(External, L3LevelZeroWithNothingToRemoveChangesNothing) {
  const FileRecord before = record(hashes(1, 0, 0));
  const tie::ExternalReport removal = report(hashes(1, 0, 3), TrustLevel::kNotSet);
  EXPECT_EQ(apply_external(removal, kNow, Settings{}, {}), Outcome{});
  EXPECT_EQ(apply_external(removal, kNow, Settings{}, known({&before})), Outcome{});
}

TEST(External, L7AndL12EqualLevelRefreshesTheDateWithoutEvent) {
  const FileRecord before =
      record(hashes(1, 0, 0), {entry(Provider::kExternal, kBad, kCreated, "old")});
  const Outcome outcome =
      apply_external(report(hashes(1, 0, 0), kBad), kNow, Settings{}, known({&before}));
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_THAT(outcome.store[0].entries,
              ElementsAre(entry(Provider::kExternal, kBad, kNow, "seen")));
  EXPECT_THAT(outcome.events, IsEmpty());
}

TEST(External, L8SafeTeachesDigestsWhenNoVerdictIsAtStake) {
  const FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kExternal, kGood)});
  const Outcome outcome =
      apply_external(report(hashes(1, 0, 3), kBad), kNow, Settings{}, known({&before}));
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_EQ(outcome.store[0].hashes, hashes(1, 0, 3));
}

struct LearnCase {
  const char* name;
  Settings::MergeLearn learn;
  std::vector<ProviderEntry> entries;
  bool teaches;
};

TEST(External, L8NeverExtendsAVerdictItMayNotSetToAnotherDigest) {
  const std::vector<LearnCase> cases{
      {"override", Settings::MergeLearn::kSafe, {entry(Provider::kEnterprise, kGood)}, false},
      {"override of 50",
       Settings::MergeLearn::kSafe,
       {entry(Provider::kEnterprise, TrustLevel::kUnknown)},
       false},
      {"removed override",
       Settings::MergeLearn::kSafe,
       {entry(Provider::kEnterprise, TrustLevel::kNotSet)},
       true},
      {"sandbox verdict", Settings::MergeLearn::kSafe, {entry(Provider::kAtd, kBad)}, false},
      {"sandbox unknown",
       Settings::MergeLearn::kSafe,
       {entry(Provider::kAtd, TrustLevel::kUnknown)},
       true},
      {"never", Settings::MergeLearn::kNever, {}, false},
      {"always", Settings::MergeLearn::kAlways, {entry(Provider::kEnterprise, kGood)}, true},
  };
  for (const LearnCase& c : cases) {
    SCOPED_TRACE(c.name);
    const FileRecord before = record(hashes(1, 0, 0), c.entries);
    Settings settings;
    settings.merge_learn = c.learn;
    const Outcome outcome =
        apply_external(report(hashes(1, 0, 3), kBad), kNow, settings, known({&before}));
    if (c.teaches) {
      ASSERT_EQ(outcome.store.size(), 1U);
      EXPECT_EQ(outcome.store[0].hashes, hashes(1, 0, 3));
    } else {
      // The report still counts for every supplied digest (§6.10 rule 2).
      ASSERT_EQ(outcome.store.size(), 2U);
      EXPECT_EQ(outcome.store[0].hashes, hashes(1, 0, 0));
      EXPECT_EQ(outcome.store[1].hashes, hashes(0, 0, 3));
      EXPECT_EQ(outcome.store[1].level(Provider::kExternal), kBad);
      EXPECT_EQ(outcome.store[1].level(Provider::kEnterprise), TrustLevel::kNotSet);
      EXPECT_EQ(outcome.events.size(), 2U);
    }
  }
}

TEST(External, L8OfAnUnknownFileCountsForEveryDigestAndTiesNoneToTheStrongestUnderNever) {
  Settings settings;
  settings.merge_learn = Settings::MergeLearn::kNever;
  const Outcome outcome = apply_external(report(hashes(1, 2, 3), kBad), kNow, settings, known({}));
  ASSERT_EQ(outcome.store.size(), 2U);
  EXPECT_EQ(outcome.store[0].hashes, hashes(0, 0, 3));
  EXPECT_EQ(outcome.store[1].hashes, hashes(1, 2, 0));
  for (const FileRecord& stored : outcome.store) EXPECT_EQ(stored.level(Provider::kExternal), kBad);
}

tie::SandboxReport sandbox(const tie::FileHashes& digests, TrustLevel level) {
  return tie::SandboxReport{.hashes = digests,
                            .trust_level = level,
                            .filename = "x.exe",
                            .size = 774'200,
                            .attributes = {{"4195730", "4"}, {"4194962", "3"}}};
}

TEST(Sandbox, StoresTheVerdictWithItsScoresAndAnEvent) {
  const Outcome outcome =
      apply_sandbox(sandbox(hashes(1, 2, 3), TrustLevel::kMostLikelyMalicious), kNow, {}, {});
  FileRecord expected = touched(
      record(hashes(1, 2, 3), {entry(Provider::kAtd, TrustLevel::kMostLikelyMalicious, kNow)}));
  expected.entries[0].attributes = {{"4194962", "3"}, {"4195730", "4"}};
  expected.created = expected.first_contact = kNow;
  expected.names = {"x.exe"};
  expected.details.size = 774'200;
  EXPECT_THAT(outcome.store, ElementsAre(expected));
  EXPECT_THAT(outcome.events, ElementsAre(Change{.before = std::nullopt, .after = expected}));
}

TEST(Sandbox, TheSameLevelRefreshesDateAndScoresWithoutEvent) {
  FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kAtd, kBad, kCreated)});
  before.entries[0].attributes = {{"4195730", "5"}};
  const Outcome outcome = apply_sandbox(sandbox(hashes(1, 0, 0), kBad), kNow, {}, known({&before}));
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_EQ(outcome.store[0].entries[0].create_date, kNow);
  EXPECT_EQ(outcome.store[0].entries[0].attributes.size(), 2U);
  EXPECT_THAT(outcome.events, IsEmpty());
}

TEST(Sandbox, NoVerdictRemovesTheEntry) {
  const FileRecord before = record(hashes(1, 0, 0), {entry(Provider::kAtd, kBad, kCreated)});
  const tie::SandboxReport removal = sandbox(hashes(1, 0, 0), TrustLevel::kNotSet);
  const Outcome outcome = apply_sandbox(removal, kNow, {}, known({&before}));
  ASSERT_EQ(outcome.events.size(), 1U);
  EXPECT_THAT(outcome.events[0].after.entries, IsEmpty());
  EXPECT_EQ(apply_sandbox(removal, kNow, {}, {}), Outcome{});
}

TEST(Sandbox, CountsWhileExternalIsSwitchedOffAndWhatOthersSay) {
  Settings settings;
  settings.external_enabled = false;
  settings.external_require_filename = true;
  tie::SandboxReport given = sandbox(hashes(1, 0, 0), kBad);
  given.filename.clear();
  EXPECT_EQ(apply_sandbox(given, kNow, settings, {}).events.size(), 1U);
}

TEST(Sandbox, MayExtendItsOwnVerdictButNotAnothers) {
  const FileRecord own = record(hashes(1, 0, 0), {entry(Provider::kAtd, kGood)});
  EXPECT_EQ(apply_sandbox(sandbox(hashes(1, 0, 3), kBad), kNow, {}, known({&own})).store.size(),
            1U);
  const FileRecord others = record(hashes(1, 0, 0), {entry(Provider::kExternal, kGood)});
  EXPECT_EQ(apply_sandbox(sandbox(hashes(1, 0, 3), kBad), kNow, {}, known({&others})).store.size(),
            2U);
}

}  // namespace
}  // namespace tiara::reputation
