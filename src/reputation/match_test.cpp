#include "reputation/match.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/decision_vectors.hpp"
#include "reputation/digest_key.hpp"
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

// "M1" is the MD5 whose bytes are all 1, and so on.
tie::FileHashes parse(const nlohmann::json& json) {
  const auto number = [&](const char* type) -> std::uint8_t {
    return json.contains(type)
               ? static_cast<std::uint8_t>(json.at(type).get<std::string>().at(1) - '0')
               : std::uint8_t{0};
  };
  return hashes(number("md5"), number("sha1"), number("sha256"));
}

TEST(Match, L8FollowsTheVectors) {
  const auto& table = decision_vectors().at("hash_match_cases");
  std::vector<std::string> names;
  std::vector<FileRecord> records;
  for (const auto& [name, digests] : table.at("records").items()) {
    names.push_back(name);
    records.push_back(record(parse(digests)));
  }
  ASSERT_EQ(table.at("cases").size(), 6U);
  for (const auto& c : table.at("cases")) {
    SCOPED_TRACE(c.dump());
    const tie::FileHashes supplied = parse(c.at("supplied"));
    std::vector<const FileRecord*> found;
    std::vector<std::string> found_names;
    for (std::size_t i = 0; i < records.size(); ++i) {
      bool holds = false;
      for (const DigestKey& key : DigestKeys(supplied))
        holds = holds || has_digest(records[i].hashes, key);
      if (!holds) continue;
      found.push_back(&records[i]);
      found_names.push_back(names[i]);
    }
    const Match match = match_records(supplied, found);
    const auto named = [&](const std::vector<std::size_t>& indices) {
      std::vector<std::string> result;
      for (const std::size_t index : indices) result.push_back(found_names[index]);
      std::sort(result.begin(), result.end());
      return result;
    };
    EXPECT_EQ(named(match.counts), c.at("counts").get<std::vector<std::string>>());
    EXPECT_EQ(named(match.joins), c.at("joins").get<std::vector<std::string>>());
    EXPECT_EQ(match.main ? nlohmann::json(found_names[*match.main]) : nlohmann::json(),
              c.at("main"));
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

FileDetails details(std::uint8_t level, std::int64_t time) {
  FileDetails result;
  result.local.add(level);
  result.local_time = time;
  result.prompted.add(level);
  result.parents.add(level);
  result.children.add(level);
  result.detection_count = level;
  result.last_detection = time;
  result.last_detection_name = std::to_string(time);
  return result;
}

TEST(Merge, L8CombinesWhatWasCounted) {
  FileRecord main = record(hashes(0, 0, 3));
  main.details = details(30, 100);
  FileRecord other = record(hashes(1, 0, 0));
  other.details = details(70, 200);
  const LevelAggregate both{.count = 2, .sum = 100, .min = 30, .max = 70, .latest = 30};
  LevelAggregate local = both;
  local.latest = 70;  // the later one
  FileDetails expected;
  expected.local = local;
  expected.local_time = 200;
  expected.prompted = expected.parents = expected.children = both;
  expected.detection_count = 100;
  expected.last_detection = 200;
  expected.last_detection_name = "200";
  EXPECT_EQ(merge_records(main, other).details, expected);

  expected.local.latest = 70;
  expected.prompted.latest = expected.parents.latest = expected.children.latest = 70;
  EXPECT_EQ(merge_records(other, main).details, expected);
}

TEST(Merge, L8FillsGapsOfTheDescriptionFromTheOther) {
  FileRecord main = record(hashes(0, 0, 3));
  main.details.version = "1";
  main.details.paths = {"a", "b"};
  main.details.size = 1;
  main.signer = certificate(7);
  FileRecord other = record(hashes(1, 0, 0));
  other.details.described = true;
  other.details.paths = {"b", "c"};
  other.details.size = 2;
  other.details.signed_bits = 3;
  other.details.latest_rule_id = 4;
  other.details.version = "2";
  other.details.company_name = "company";
  other.details.product_name = "product";
  other.details.product_version = "5";
  other.details.profiler_flags = "6";
  other.signer = certificate(9, 9);

  FileDetails expected = other.details;
  expected.paths = {"a", "b", "c"};
  expected.size = 1;
  expected.version = "1";
  const FileRecord merged = merge_records(main, other);
  EXPECT_EQ(merged.details, expected);
  EXPECT_EQ(merged.signer, certificate(7));

  main.signer.reset();
  EXPECT_EQ(merge_records(main, other).signer, certificate(9, 9));
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
