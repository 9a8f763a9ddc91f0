#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using tie::Provider;
using tie::TrustLevel;

tie::FileMetadata metadata(const tie::FileHashes& digests) {
  tie::FileMetadata result;
  result.hashes = digests;
  return result;
}

MetadataOutcome apply(const tie::FileMetadata& given, const Known& known = {},
                      std::int64_t now = kNow) {
  return apply_metadata(given, now, Settings{}, known);
}

TEST(Metadata, DescribesAnUnknownFileWithoutAnEvent) {
  tie::FileMetadata given = metadata(hashes(1, 2, 3));
  given.name = "a.exe";
  given.path = "C:/tools";
  given.version = "1.2";
  given.company_name = "company";
  given.product_name = "product";
  given.product_version = "3.4";
  given.profiler_flags = "465:1a200";
  given.size = 107'008;
  given.file_type = 18;
  given.signed_bits = 5;
  given.local_rep = 70;
  given.local_rep_rule_id = 9;
  given.pre_prompt_local_rep = 50;
  given.parent_local_rep = 99;
  given.signer = certificate(7, 8);

  FileRecord expected = record(hashes(1, 2, 3));
  expected.created = expected.first_contact = kNow;
  touch(expected.last_used, kNow);
  expected.names = {"a.exe"};
  expected.file_type = 18;
  expected.signer = certificate(7, 8);
  FileDetails& details = expected.details;
  details.described = true;
  details.paths = {"C:/tools"};
  details.size = 107'008;
  details.signed_bits = 5;
  details.latest_rule_id = 9;
  details.version = "1.2";
  details.company_name = "company";
  details.product_name = "product";
  details.product_version = "3.4";
  details.profiler_flags = "465:1a200";
  details.local.add(70);
  details.local_time = kNow;
  details.prompted.add(50);
  details.parents.add(99);

  const MetadataOutcome result = apply(given);
  EXPECT_EQ(result.record, expected);
  EXPECT_EQ(result.outcome, (Outcome{.store = {expected}, .moves = {}, .events = {}}));
  EXPECT_FALSE(result.detection);
}

TEST(Metadata, LeavesOutWhatIsNotGivenAndTakesTheLatestWord) {
  tie::FileMetadata first = metadata(hashes(1, 0, 0));
  first.version = "1";
  first.size = 10;
  first.product_name = "product";
  const FileRecord before = apply(first).record;
  tie::FileMetadata second = metadata(hashes(1, 0, 0));
  second.version = "2";
  const FileRecord after = apply(second, known({&before})).record;
  EXPECT_EQ(after.details.version, "2");
  EXPECT_EQ(after.details.size, 10U);
  EXPECT_EQ(after.details.product_name, "product");
}

TEST(Metadata, AggregatesTheLevelsOfFilesButNotOfProcesses) {
  tie::FileMetadata given = metadata(hashes(1, 0, 0));
  given.local_rep = 30;
  given.parent_local_rep = 1;
  const FileRecord first = apply(given).record;
  given.local_rep = 70;
  const FileRecord second = apply(given, known({&first}), kNow + 5).record;
  EXPECT_EQ(second.details.local,
            (LevelAggregate{.count = 2, .sum = 100, .min = 30, .max = 70, .latest = 70}));
  EXPECT_EQ(second.details.local_time, kNow + 5);
  EXPECT_EQ(second.details.parents,
            (LevelAggregate{.count = 2, .sum = 2, .min = 1, .max = 1, .latest = 1}));
  given.is_process = true;
  given.path = "C:/process";
  const FileRecord third = apply(given, known({&second}), kNow + 9).record;
  EXPECT_EQ(third.details.local, second.details.local);
  EXPECT_EQ(third.details.local_time, kNow + 5);
  EXPECT_EQ(third.details.parents, second.details.parents);
  EXPECT_THAT(third.details.paths, ElementsAre("C:/process"));
}

TEST(Metadata, CountsDetectionsAlsoOfProcessesAndUnknownFiles) {
  tie::FileMetadata given = metadata(hashes(1, 0, 0));
  given.remediation = 5;
  given.detection_name = "Trojan";
  given.is_process = true;
  const MetadataOutcome first = apply(given);
  EXPECT_TRUE(first.detection);
  EXPECT_THAT(first.outcome.events, IsEmpty());
  const MetadataOutcome second = apply(given, known({&first.record}), kNow + 5);
  EXPECT_EQ(second.record.details.detection_count, 2U);
  EXPECT_EQ(second.record.details.last_detection, kNow + 5);
  EXPECT_EQ(second.record.details.last_detection_name, "Trojan");
}

TEST(Metadata, KeepsTheFirstSignerAndReportsAnother) {
  FileRecord before = record(hashes(1, 0, 0));
  before.signer = certificate(7);
  tie::FileMetadata given = metadata(hashes(1, 0, 0));
  given.signer = certificate(7, 8);
  const MetadataOutcome learned = apply(given, known({&before}));
  EXPECT_EQ(learned.record.signer, certificate(7, 8));
  EXPECT_FALSE(learned.outcome.conflict);
  for (const tie::Certificate& other : {certificate(9), certificate(7, 9)}) {
    given.signer = other;
    const MetadataOutcome result = apply(given, known({&learned.record}));
    EXPECT_EQ(result.record.signer, certificate(7, 8));
    EXPECT_TRUE(result.outcome.conflict);
  }
}

TEST(Metadata, TiesDigestsTogetherOnlyInTheSafeCase) {
  const FileRecord plain = record(hashes(1, 0, 0));
  EXPECT_EQ(apply(metadata(hashes(1, 0, 3)), known({&plain})).record.hashes, hashes(1, 0, 3));

  const FileRecord overridden =
      record(hashes(1, 0, 0), {entry(Provider::kEnterprise, TrustLevel::kKnownTrusted)});
  const MetadataOutcome result = apply(metadata(hashes(1, 0, 3)), known({&overridden}));
  EXPECT_EQ(result.record.hashes, hashes(1, 0, 0));
  ASSERT_EQ(result.outcome.store.size(), 2U);
  EXPECT_EQ(result.outcome.store[0], result.record);
  EXPECT_EQ(result.outcome.store[1].hashes, hashes(0, 0, 3));
  EXPECT_TRUE(result.outcome.store[1].details.described);
  EXPECT_EQ(result.outcome.store[1].level(Provider::kEnterprise), TrustLevel::kNotSet);
  EXPECT_THAT(result.outcome.events, IsEmpty());
}

TEST(Metadata, LeavesTheFirstInstanceEventToTheFirstLookup) {
  const MetadataOutcome result = apply(metadata(hashes(1, 0, 0)));
  EXPECT_FALSE(result.record.first_instance_sent);
  EXPECT_EQ(result.record.reference_count, 0U);
}

TEST(Metadata, NamesAndPathsHaveALimit) {
  FileRecord subject = record(hashes(1, 0, 0));
  for (std::size_t i = 0; i < kMaxNames + 10; ++i) {
    tie::FileMetadata given = metadata(hashes(1, 0, 0));
    given.name = given.path = std::to_string(i);
    const FileRecord before = subject;
    subject = apply(given, known({&before})).record;
  }
  EXPECT_EQ(subject.names.size(), kMaxNames);
  EXPECT_EQ(subject.details.paths.size(), kMaxPaths);
}

TEST(Metadata, AddsOneChildLevelToTheParent) {
  FileRecord expected = record(hashes(0, 2, 0));
  expected.details.children.add(100);
  EXPECT_EQ(with_child(record(hashes(0, 2, 0)), 100), expected);
}

}  // namespace
}  // namespace tiara::reputation
