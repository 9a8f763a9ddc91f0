#include "reputation/match.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::TrustLevel;

// The digests of the reference's hash_match_cases: M1 is hashes(1, …), A9 is hashes(…, 9).
struct MatchCase {
  const char* name;
  tie::FileHashes supplied;
  std::vector<std::size_t> counts;  // indices of R1, R2, R3
  std::optional<std::size_t> main;
  std::vector<std::size_t> joins;
  bool conflict;
};

TEST(Match, L8FollowsTheHashMatchCasesOfTheReference) {
  const FileRecord r1 = record(hashes(1, 1, 1));
  const FileRecord r2 = record(hashes(2, 0, 0));
  const FileRecord r3 = record(hashes(0, 0, 3));
  const std::vector<const FileRecord*> all{&r1, &r2, &r3};
  const std::vector<MatchCase> cases{
      {"one equal digest", hashes(1, 0, 0), {0}, 0, {}, false},
      {"equal MD5, different SHA-256", hashes(1, 0, 9), {}, std::nullopt, {}, true},
      {"equal SHA-256, different MD5", hashes(9, 0, 1), {0}, 0, {}, true},
      {"two incomplete records", hashes(2, 0, 3), {2, 1}, 2, {1}, false},
      {"a counting record that differs from main", hashes(2, 0, 1), {0, 1}, 0, {}, true},
      {"unknown", hashes(9, 0, 0), {}, std::nullopt, {}, false},
  };
  for (const MatchCase& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<const FileRecord*> found;
    std::vector<std::size_t> number;  // of the found record among R1..R3
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((c.supplied.md5 && c.supplied.md5 == all[i]->hashes.md5) ||
          (c.supplied.sha256 && c.supplied.sha256 == all[i]->hashes.sha256)) {
        found.push_back(all[i]);
        number.push_back(i);
      }
    }
    Match match = match_records(c.supplied, found);
    if (match.main) match.main = number[*match.main];
    for (std::size_t& index : match.joins) index = number[index];
    for (std::size_t& index : match.counts) index = number[index];
    EXPECT_EQ(
        match,
        (Match{.main = c.main, .joins = c.joins, .counts = c.counts, .conflict = c.conflict}));
  }
}

TEST(Match, L8RecordsThatDifferFromEachOtherDoNotBothJoin) {
  const FileRecord main = record(hashes(0, 0, 1));
  const FileRecord first = record(hashes(1, 1, 0));
  const FileRecord second = record(hashes(2, 0, 0));
  const Match match = match_records(hashes(2, 1, 1), {&main, &first, &second});
  EXPECT_EQ(match, (Match{.main = 0, .joins = {1}, .counts = {0, 1, 2}, .conflict = true}));
}

struct MergeCase {
  const char* name;
  ProviderEntry main;
  ProviderEntry other;
  bool other_wins;
};

TEST(Merge, L8PicksOneEntryPerProvider) {
  constexpr auto kProvider = Provider::kExternal;
  const std::vector<MergeCase> cases{
      {"a level beats none", entry(kProvider, TrustLevel::kNotSet, 20),
       entry(kProvider, TrustLevel::kUnknown, 10), true},
      {"none never beats a level", entry(kProvider, TrustLevel::kUnknown, 10),
       entry(kProvider, TrustLevel::kNotSet, 20), false},
      {"the newer wins", entry(kProvider, TrustLevel::kKnownMalicious, 10),
       entry(kProvider, TrustLevel::kKnownTrusted, 20), true},
      {"the older loses", entry(kProvider, TrustLevel::kKnownMalicious, 20),
       entry(kProvider, TrustLevel::kKnownTrusted, 10), false},
      {"of equal age the lower wins", entry(kProvider, TrustLevel::kKnownTrusted, 10),
       entry(kProvider, TrustLevel::kKnownMalicious, 10), true},
  };
  for (const MergeCase& c : cases) {
    SCOPED_TRACE(c.name);
    const FileRecord merged =
        merge_records(record(hashes(0, 0, 1), {c.main}), record(hashes(1, 0, 0), {c.other}));
    EXPECT_EQ(merged.entries, std::vector<ProviderEntry>{c.other_wins ? c.other : c.main});
  }
}

TEST(Merge, L8UnitesEverythingElse) {
  FileRecord main = record(hashes(0, 2, 3));
  main.names = {"a", "b"};
  main.reference_count = 2;
  main.created = 30;
  main.first_contact = 30;
  main.last_used = 0;
  FileRecord other =
      record(hashes(1, 9, 0), {entry(Provider::kEnterprise, TrustLevel::kKnownTrusted)});
  other.names = {"b", "c"};
  other.reference_count = 3;
  other.created = 20;
  other.first_contact = 10;
  other.file_type = 18;
  other.prevalent = true;
  other.first_instance_sent = true;

  FileRecord expected = main;
  expected.hashes = hashes(1, 2, 3);
  expected.entries = other.entries;
  expected.names = {"a", "b", "c"};
  expected.reference_count = 5;
  expected.created = 20;
  expected.first_contact = 10;
  expected.last_used = other.last_used;
  expected.file_type = 18;
  expected.prevalent = true;
  expected.first_instance_sent = true;
  EXPECT_EQ(merge_records(main, other), expected);
  EXPECT_EQ(merge_records(main, other, 4).reference_count, 4U);
}

TEST(Merge, L8AnswersFromMainAndJoiningRecords) {
  const FileRecord main = record(hashes(0, 0, 3));
  FileRecord joining =
      record(hashes(2, 0, 0), {entry(Provider::kEnterprise, TrustLevel::kKnownMalicious)});
  joining.reference_count = 1;
  const std::vector<const FileRecord*> found{&joining, &main};
  const Match match = match_records(hashes(2, 0, 3), found);
  EXPECT_EQ(merge_matched(match, found, std::nullopt), merge_records(main, joining));
  EXPECT_EQ(merge_matched(match, found, 7)->reference_count, 7U);
  EXPECT_EQ(merge_matched(Match{}, {}, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace tiara::reputation
