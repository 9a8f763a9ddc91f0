// Random histories, driven through the engine, leave both stores with the same answers.
#include <random>

#include <gtest/gtest.h>

#include "reputation/engine.hpp"
#include "reputation/test_records.hpp"
#include "store/reputation_store.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::FileRecord;
using reputation::hashes;
using reputation::Known;
using reputation::Outcome;

constexpr std::uint8_t kDigests = 6;  // few, so that records meet, contradict and merge
constexpr int kOperations = 400;

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {}

  std::uint8_t below(unsigned limit) { return static_cast<std::uint8_t>(random_() % limit); }
  tie::FileHashes digests() {
    tie::FileHashes result;
    while (result.empty()) {
      const auto pick = [&] { return static_cast<std::uint8_t>(below(2) * (1 + below(kDigests))); };
      const std::uint8_t md5 = pick();
      const std::uint8_t sha1 = pick();
      const std::uint8_t sha256 = pick();
      result = hashes(md5, sha1, sha256);
    }
    return result;
  }
  tie::TrustLevel level() {
    constexpr tie::TrustLevel kLevels[] = {tie::TrustLevel::kNotSet, tie::TrustLevel::kUnknown,
                                           tie::TrustLevel::kKnownMalicious,
                                           tie::TrustLevel::kKnownTrusted};
    return kLevels[below(4)];
  }

 private:
  std::mt19937_64 random_;
};

Batch to_batch(const Outcome& outcome) {
  Batch batch;
  for (const Outcome::Move& move : outcome.moves)
    batch.moves.push_back(Batch::Move{.from = move.from, .to = move.to});
  batch.put = outcome.store;
  return batch;
}

// One random operation as a batch, computed from what `store` knows.
Batch next_batch(History& history, const ReputationStore& store, std::int64_t now) {
  const tie::FileHashes digests = history.digests();
  const std::vector<FileRecord> found = store.find(digests).value();
  Known known;
  for (const FileRecord& record : found) known.records.push_back(&record);
  switch (history.below(4)) {
    case 0: {
      Batch batch;
      if (!found.empty()) batch.remove = {found[0].hashes};
      return batch;
    }
    case 1:
      return to_batch(reputation::apply_set(digests, history.level(), "name", "", now, known));
    case 2:
      return to_batch(reputation::apply_external(
          tie::ExternalReport{
              .hashes = digests, .trust_level = history.level(), .filename = {}, .comment = {}},
          now, {}, known));
    default: {
      const std::string agent = "agent " + std::to_string(history.below(5));
      const reputation::LookupOutcome lookup =
          reputation::apply_endpoint_lookup(digests, now, true, 1, {}, known);
      Batch batch = to_batch(lookup.outcome);
      batch.references = {
          Batch::Reference{.subject = lookup.record.hashes, .agent = agent, .time = now}};
      return batch;
    }
  }
}

void expect_equal(const ReputationStore& left, const ReputationStore& right) {
  ASSERT_EQ(left.enterprise_size(), right.enterprise_size());
  std::vector<tie::FileHashes> probes;
  for (std::uint8_t i = 1; i <= kDigests; ++i) {
    probes.push_back(hashes(i, 0, 0));
    probes.push_back(hashes(0, i, 0));
    probes.push_back(hashes(0, 0, i));
    probes.push_back(hashes(i, i, i));
  }
  for (const tie::FileHashes& probe : probes) {
    ASSERT_EQ(left.find(probe).value(), right.find(probe).value());
    ASSERT_EQ(left.count_references({probe}).value(), right.count_references({probe}).value());
    for (int agent = 0; agent < 5; ++agent) {
      const std::string name = "agent " + std::to_string(agent);
      ASSERT_EQ(left.has_reference(probe, name).value(), right.has_reference(probe, name).value());
    }
  }
}

TEST(StoreComparison, RandomHistoriesLeaveEqualStores) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    const TemporaryDirectory directory;
    const RocksOptions options{.directory = directory.path() / "store"};
    const std::unique_ptr<ReputationStore> memory = make_memory_store();
    auto rocks = open_rocks_store(options);
    ASSERT_TRUE(rocks) << rocks.error().message;
    History history(seed);
    for (int i = 1; i <= kOperations; ++i) {
      const Batch batch = next_batch(history, *memory, reputation::kNow + i);
      ASSERT_TRUE(memory->commit(batch, Durability::kBuffered));
      ASSERT_TRUE((*rocks)->commit(batch, Durability::kBuffered));
      if (i % 20 != 0) continue;
      ASSERT_NO_FATAL_FAILURE(expect_equal(*memory, **rocks)) << "after " << i;
    }
    rocks->reset();
    rocks = open_rocks_store(options);
    ASSERT_TRUE(rocks) << rocks.error().message;
    ASSERT_NO_FATAL_FAILURE(expect_equal(*memory, **rocks)) << "after reopening";
  }
}

}  // namespace
}  // namespace tiara::store
