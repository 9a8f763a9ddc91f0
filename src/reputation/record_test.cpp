#include "reputation/record.hpp"

#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::TrustLevel;

TEST(FileRecord, KeepsEntriesSortedByProvider) {
  FileRecord subject;
  entry_of(subject.entries, Provider::kExternal).trust_level = TrustLevel::kUnknown;
  entry_of(subject.entries, Provider::kEnterprise).trust_level = TrustLevel::kKnownTrusted;
  entry_of(subject.entries, Provider::kExternal).comment = "twice";
  ASSERT_EQ(subject.entries.size(), 2U);
  EXPECT_EQ(subject.entries[0].provider, Provider::kEnterprise);
  EXPECT_EQ(subject.level(Provider::kExternal), TrustLevel::kUnknown);
  remove_entry(subject.entries, Provider::kExternal);
  EXPECT_EQ(subject.find(Provider::kExternal), nullptr);
  EXPECT_EQ(subject.level(Provider::kExternal), TrustLevel::kNotSet);
}

TEST(FileRecord, KeepsDistinctNamesUpToTheLimit) {
  FileRecord subject;
  add_name(subject, "");
  add_name(subject, "a.exe");
  add_name(subject, "a.exe");
  EXPECT_EQ(subject.names, std::vector<std::string>{"a.exe"});
  for (std::size_t i = 0; i < 2 * kMaxNames; ++i) add_name(subject, std::to_string(i));
  EXPECT_EQ(subject.names.size(), kMaxNames);
  EXPECT_EQ(subject.names.front(), "a.exe");
}

TEST(FileRecord, KeepsDistinctPathsUpToTheLimit) {
  FileDetails details;
  for (std::size_t i = 0; i < 2 * kMaxPaths; ++i) add_path(details, std::to_string(i / 2));
  add_path(details, "");
  EXPECT_EQ(details.paths.size(), kMaxPaths);
}

TEST(FileRecord, IsTouchedOncePerDay) {
  FileRecord subject;
  EXPECT_TRUE(touch(subject.last_used, 10 * kSecondsPerDay + 5));
  EXPECT_FALSE(touch(subject.last_used, 11 * kSecondsPerDay - 1));
  EXPECT_TRUE(touch(subject.last_used, 11 * kSecondsPerDay));
  EXPECT_EQ(subject.last_used, 11 * kSecondsPerDay);
}

TEST(FileRecord, ComparesLevelsWithAbsentEntriesAsNotSet) {
  const FileRecord none = record(hashes(1, 0, 0));
  const FileRecord zero = record(
      hashes(1, 0, 0), {entry(Provider::kEnterprise, TrustLevel::kNotSet, kCreated, "note")});
  const FileRecord bad =
      record(hashes(1, 0, 0), {entry(Provider::kExternal, TrustLevel::kKnownMalicious)});
  EXPECT_TRUE(same_levels(none.entries, zero.entries));
  EXPECT_FALSE(same_levels(none.entries, bad.entries));
  EXPECT_FALSE(same_levels(bad.entries, none.entries));
}

}  // namespace
}  // namespace tiara::reputation
