// Random sequences of writes, held against what must always be true and against a naive model.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "reputation/digest_key.hpp"
#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::TrustLevel;

constexpr Provider kProviders[] = {Provider::kEnterprise, Provider::kAtd, Provider::kExternal};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  unsigned below(unsigned bound) { return static_cast<unsigned>(engine_() % bound); }
  bool coin() { return below(2) == 0; }
  TrustLevel level() {
    constexpr TrustLevel kLevels[] = {TrustLevel::kNotSet, TrustLevel::kKnownMalicious,
                                      TrustLevel::kUnknown, TrustLevel::kKnownTrusted};
    return kLevels[below(4)];
  }
  // One digest or more, each of one of `files`; all of the same one if `consistent`.
  tie::FileHashes digests(unsigned files, bool consistent) {
    tie::FileHashes result;
    const unsigned file = below(files);
    const auto pick = [&]() -> std::uint8_t {
      if (coin()) return 0;
      return static_cast<std::uint8_t>(1 + (consistent ? file : below(files)));
    };
    while (result.empty()) {
      const std::uint8_t md5 = pick();
      const std::uint8_t sha1 = pick();
      result = hashes(md5, sha1, pick());
    }
    return result;
  }

 private:
  std::mt19937 engine_;
};

// A store as simple as can be: written records take over all their digests.
class Records {
 public:
  Known find(const tie::FileHashes& digests) const {
    std::vector<const FileRecord*> found;
    for (const FileRecord& record : records_)
      if (holds_any(record, digests)) found.push_back(&record);
    return known(std::move(found));
  }
  std::optional<FileRecord> answer(const tie::FileHashes& digests) const {
    const Known found = find(digests);
    return merge_matched(match_records(digests, found.records), found.records, {});
  }
  TrustLevel level(const tie::FileHashes& digests, Provider provider) const {
    const std::optional<FileRecord> record = answer(digests);
    return record ? record->level(provider) : TrustLevel::kNotSet;
  }
  void take_over(const Outcome& outcome) {
    for (const FileRecord& record : outcome.store) {
      std::erase_if(records_, [&](const FileRecord& old) { return holds_any(old, record.hashes); });
      records_.push_back(record);
    }
  }
  const std::vector<FileRecord>& all() const { return records_; }

 private:
  static bool holds_any(const FileRecord& record, const tie::FileHashes& digests) {
    const DigestKeys keys(digests);
    return std::any_of(keys.begin(), keys.end(),
                       [&](const DigestKey& key) { return has_digest(record.hashes, key); });
  }
  std::vector<FileRecord> records_;
};

enum class Kind : std::uint8_t { kSet, kExternal, kSandbox, kLookup, kMetadata };
struct Operation {
  Kind kind;
  tie::FileHashes digests;
  TrustLevel level;
  std::int64_t time;
};

Operation next(Random& random, unsigned files, bool consistent, std::int64_t time) {
  const auto kind = static_cast<Kind>(random.below(5));
  const tie::FileHashes digests = random.digests(files, consistent);
  return Operation{.kind = kind, .digests = digests, .level = random.level(), .time = time};
}

Outcome apply(const Operation& operation, const Settings& settings, const Known& known) {
  switch (operation.kind) {
    case Kind::kSet:
      return apply_set(operation.digests, operation.level, "", "", operation.time, known);
    case Kind::kExternal:
      return apply_external({.hashes = operation.digests,
                             .trust_level = operation.level,
                             .file_type = tie::FileType::kNone,
                             .filename = "",
                             .comment = ""},
                            operation.time, settings, known);
    case Kind::kSandbox:
      return apply_sandbox({.hashes = operation.digests,
                            .trust_level = operation.level,
                            .filename = "",
                            .size = {},
                            .attributes = {}},
                           operation.time, settings, known);
    case Kind::kLookup:
      return apply_endpoint_lookup(operation.digests, {}, operation.time, true, 1, settings, known)
          .outcome;
    case Kind::kMetadata:
      break;
  }
  tie::FileMetadata metadata;
  metadata.hashes = operation.digests;
  return apply_metadata(metadata, operation.time, settings, known).outcome;
}

std::vector<tie::FileHashes> single_digests(unsigned files) {
  std::vector<tie::FileHashes> result;
  for (unsigned file = 1; file <= files; ++file) {
    const auto byte = static_cast<std::uint8_t>(file);
    for (const tie::FileHashes& one : {hashes(byte, 0, 0), hashes(0, byte, 0), hashes(0, 0, byte)})
      result.push_back(one);
  }
  return result;
}

// The model knows sets of digests that belong together, each with a level and a date per provider.
class Model {
 public:
  void apply(const Operation& operation) {
    const DigestKeys keys(operation.digests);
    Group group;
    std::vector<Group> rest;
    for (const Group& old : groups_) {
      const bool concerned = std::any_of(keys.begin(), keys.end(), [&](const DigestKey& key) {
        return old.digests.contains(key);
      });
      if (concerned)
        join(group, old);
      else
        rest.push_back(old);
    }
    if (!change(operation, group)) return;
    group.digests.insert(keys.begin(), keys.end());
    rest.push_back(group);
    groups_ = std::move(rest);
  }
  TrustLevel level(const DigestKey& digest, Provider provider) const {
    for (const Group& group : groups_) {
      if (!group.digests.contains(digest)) continue;
      const auto entry = group.entries.find(provider);
      if (entry != group.entries.end()) return entry->second.first;
    }
    return TrustLevel::kNotSet;
  }

 private:
  struct Group {
    std::set<DigestKey> digests;
    std::map<Provider, std::pair<TrustLevel, std::int64_t>> entries;
  };

  // Times are all different here, so "the newer" decides between two levels.
  static void join(Group& group, const Group& other) {
    group.digests.insert(other.digests.begin(), other.digests.end());
    for (const auto& [provider, theirs] : other.entries) {
      const auto [ours, added] = group.entries.emplace(provider, theirs);
      if (added || theirs.first == TrustLevel::kNotSet) continue;
      if (ours->second.first == TrustLevel::kNotSet || theirs.second > ours->second.second)
        ours->second = theirs;
    }
  }
  // False: the message does nothing at all (L3).
  static bool change(const Operation& operation, Group& group) {
    const bool removal = operation.level == TrustLevel::kNotSet;
    switch (operation.kind) {
      case Kind::kSet: {
        if (removal && group.digests.empty()) return false;
        const auto entry = group.entries.find(Provider::kEnterprise);
        if (entry != group.entries.end() && entry->second.first == operation.level) return true;
        group.entries[Provider::kEnterprise] = {operation.level, operation.time};
        return true;
      }
      case Kind::kExternal:
      case Kind::kSandbox: {
        const auto provider =
            operation.kind == Kind::kExternal ? Provider::kExternal : Provider::kAtd;
        if (removal) return group.entries.erase(provider) != 0;
        group.entries[provider] = {operation.level, operation.time};
        return true;
      }
      case Kind::kLookup:
      case Kind::kMetadata:
        break;
    }
    return true;
  }

  std::vector<Group> groups_;
};

TEST(Properties, LevelsAfterAnySequenceAreThoseOfANaiveModel) {
  constexpr unsigned kFiles = 4;
  Settings settings;
  settings.merge_learn = Settings::MergeLearn::kAlways;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Records records;
    Model model;
    for (std::int64_t step = 0; step < 60; ++step) {
      const Operation operation = next(random, kFiles, true, kNow + step);
      records.take_over(apply(operation, settings, records.find(operation.digests)));
      model.apply(operation);
      for (const tie::FileHashes& digest : single_digests(kFiles))
        for (const Provider provider : kProviders)
          ASSERT_EQ(records.level(digest, provider), model.level(strongest_key(digest), provider))
              << "step " << step;
    }
  }
}

// §6.10 rule 6, with digests thrown together at random.
TEST(Properties, NobodyButASetChangesWhatIsOverriddenUnderADigest) {
  constexpr unsigned kFiles = 3;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Records records;
    std::map<DigestKey, TrustLevel> before;
    for (std::int64_t step = 0; step < 60; ++step) {
      const Operation operation = next(random, kFiles, false, kNow + step);
      records.take_over(apply(operation, Settings{}, records.find(operation.digests)));
      for (const tie::FileHashes& digest : single_digests(kFiles)) {
        const TrustLevel level = records.level(digest, Provider::kEnterprise);
        ASSERT_TRUE(operation.kind == Kind::kSet || level == before[strongest_key(digest)]);
        before[strongest_key(digest)] = level;
      }
    }
  }
}

TEST(Properties, WhatWasWrittenIsWhatALookupOfTheSameDigestsAnswers) {
  constexpr unsigned kFiles = 3;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Records records;
    for (std::int64_t step = 0; step < 60; ++step) {
      const Operation operation = next(random, kFiles, false, kNow + step);
      records.take_over(apply(operation, Settings{}, records.find(operation.digests)));
      if (operation.kind == Kind::kSet) {
        ASSERT_EQ(records.level(operation.digests, Provider::kEnterprise), operation.level);
      }
      if (operation.kind == Kind::kExternal && operation.level != TrustLevel::kNotSet) {
        ASSERT_EQ(records.level(operation.digests, Provider::kExternal), operation.level);
      }
    }
  }
}

TEST(Properties, ADigestBelongsToOneRecordAndEventsAreRealChanges) {
  constexpr unsigned kFiles = 3;
  for (unsigned seed = 0; seed < 60; ++seed) {
    Random random(seed);
    Records records;
    for (std::int64_t step = 0; step < 60; ++step) {
      const Operation operation = next(random, kFiles, false, kNow + step);
      const Outcome outcome = apply(operation, Settings{}, records.find(operation.digests));
      for (const Change& change : outcome.events) {
        const std::vector<ProviderEntry> none;
        EXPECT_FALSE(
            same_levels(change.before ? change.before->entries : none, change.after.entries));
      }
      records.take_over(outcome);
      std::set<DigestKey> seen;
      for (const FileRecord& record : records.all())
        for (const DigestKey& key : DigestKeys(record.hashes)) ASSERT_TRUE(seen.insert(key).second);
    }
  }
}

FileRecord random_record(Random& random) {
  FileRecord result = record(random.digests(3, false));
  for (const Provider provider : kProviders)
    if (random.coin())
      entry_of(result.entries, provider) =
          entry(provider, random.level(), kCreated + random.below(3));
  add_name(result, std::to_string(random.below(3)));
  add_path(result.details, std::to_string(random.below(3)));
  if (random.coin()) result.signer = certificate(static_cast<std::uint8_t>(1 + random.below(2)));
  if (random.coin()) result.details.size = random.below(3);
  if (random.coin()) result.details.local.add(static_cast<std::uint8_t>(random.below(100)));
  result.reference_count = random.below(5);
  return result;
}

TEST(Properties, MergingNeverLosesAnOverrideOrAnyOtherLevel) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const FileRecord main = random_record(random);
    const FileRecord other = random_record(random);
    const FileRecord merged = merge_records(main, other);
    for (const Provider provider : kProviders) {
      const bool set_before = main.level(provider) != TrustLevel::kNotSet ||
                              other.level(provider) != TrustLevel::kNotSet;
      EXPECT_EQ(merged.level(provider) != TrustLevel::kNotSet, set_before);
      // Which of the two is main decides nothing about levels.
      EXPECT_EQ(merged.level(provider), merge_records(other, main).level(provider));
    }
  }
}

// Only what is counted grows when the same record is merged in again.
TEST(Properties, MergingIsIdempotent) {
  Random random(2);
  for (int round = 0; round < 2000; ++round) {
    const FileRecord main = random_record(random);
    FileRecord other = random_record(random);
    const FileRecord once = merge_records(main, other, 7);
    other.details.local = {};
    EXPECT_EQ(merge_records(once, other, 7), once);
  }
}

}  // namespace
}  // namespace tiara::reputation
