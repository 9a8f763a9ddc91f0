// Random histories leave both stores with the same answers, whatever is asked.
#include <gtest/gtest.h>

#include "store/random_batches.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::DigestKey;
using reputation::hashes;

constexpr int kOperations = 300;

std::vector<tie::FileHashes> probes() {
  std::vector<tie::FileHashes> result;
  for (std::uint8_t i = 1; i <= kRandomDigests; ++i) {
    result.push_back(hashes(i, 0, 0));
    result.push_back(hashes(0, i, 0));
    result.push_back(hashes(0, 0, i));
    result.push_back(hashes(i, i, i));
  }
  return result;
}

std::vector<DigestKey> subjects() {
  std::vector<DigestKey> result;
  for (const tie::FileHashes& probe : probes()) result.push_back(reputation::strongest_key(probe));
  for (std::uint8_t i = 1; i <= kRandomCertificates; ++i)
    result.push_back(DigestKey::of_certificate(reputation::digest<tie::Sha1>(i)));
  return result;
}

// What the visitor of `read` sees.
template <class T, class Read>
std::vector<T> collect(Read&& read, std::size_t most = 100'000) {
  std::vector<T> seen;
  const dxl::Result<void> done = read([&](const T& item) {
    seen.push_back(item);
    return seen.size() < most;
  });
  EXPECT_TRUE(done) << done.error().message;
  return seen;
}

void expect_equal_numbers(const ReputationStore& left, const ReputationStore& right) {
  ASSERT_EQ(left.enterprise_size(), right.enterprise_size());
  ASSERT_EQ(left.last_change_id(), right.last_change_id());
  ASSERT_EQ(left.audit_head(), right.audit_head());
}

void expect_equal_records(const ReputationStore& left, const ReputationStore& right) {
  for (const tie::FileHashes& probe : probes())
    ASSERT_EQ(left.find(probe).value(), right.find(probe).value());
  for (std::uint8_t i = 1; i <= kRandomCertificates; ++i) {
    const auto sha1 = reputation::digest<tie::Sha1>(i);
    ASSERT_EQ(left.find_certificate(sha1).value(), right.find_certificate(sha1).value());
    for (const std::size_t limit : {0U, 1U, 2U, 100U})
      ASSERT_EQ(left.overridden(sha1, limit).value(), right.overridden(sha1, limit).value());
  }
  const auto files = [](const ReputationStore& store, std::optional<DigestKey> after) {
    return collect<reputation::FileRecord>(
        [&](const auto& visit) { return store.scan_files(after, visit); });
  };
  ASSERT_EQ(files(left, std::nullopt), files(right, std::nullopt));
  for (const DigestKey& after : subjects()) ASSERT_EQ(files(left, after), files(right, after));
  const auto certificates = [](const ReputationStore& store, std::optional<tie::Sha1> after) {
    return collect<reputation::CertRecord>(
        [&](const auto& visit) { return store.scan_certificates(after, visit); });
  };
  for (const std::optional<tie::Sha1> after :
       {std::optional<tie::Sha1>{}, std::optional(reputation::digest<tie::Sha1>(1))})
    ASSERT_EQ(certificates(left, after), certificates(right, after));
}

void expect_equal_references(const ReputationStore& left, const ReputationStore& right) {
  const auto list = [](const ReputationStore& store, const std::vector<DigestKey>& keys,
                       std::size_t limit) {
    const ReferenceList found = store.references(keys, limit).value();
    return std::pair(found.total, found.first);
  };
  const std::vector<DigestKey> all = subjects();
  for (const DigestKey& subject : all) {
    for (const std::size_t limit : {0U, 2U, 100U})
      ASSERT_EQ(list(left, {subject}, limit), list(right, {subject}, limit));
    for (int agent = 0; agent < kRandomAgents; ++agent) {
      const std::string name = "Agent " + std::to_string(agent);
      ASSERT_EQ(left.has_reference(subject, name).value(),
                right.has_reference(subject, name).value());
    }
  }
  ASSERT_EQ(list(left, all, 3), list(right, all, 3));
  ASSERT_EQ(left.count_references(all).value(), right.count_references(all).value());
}

void expect_equal_logs(const ReputationStore& left, const ReputationStore& right,
                       std::int64_t now) {
  using Entries = std::vector<std::tuple<std::uint64_t, AuditEntry, AuditHash>>;
  const auto plain = [](const std::vector<NumberedAuditEntry>& entries) {
    Entries result;
    for (const NumberedAuditEntry& one : entries)
      result.emplace_back(one.number, one.entry, one.hash);
    return result;
  };
  const auto log = [&](const ReputationStore& store, std::uint64_t first, std::size_t most) {
    return plain(collect<NumberedAuditEntry>(
        [&](const auto& visit) { return store.read_audit(first, visit); }, most));
  };
  for (const std::uint64_t first : {0ULL, 1ULL, 7ULL, 1'000'000ULL})
    for (const std::size_t most : {1U, 100'000U})
      ASSERT_EQ(log(left, first, most), log(right, first, most));
  for (const DigestKey& subject : subjects())
    ASSERT_EQ(plain(left.history({subject}, 5).value()),
              plain(right.history({subject}, 5).value()));
  ASSERT_EQ(plain(left.history(subjects(), 40).value()),
            plain(right.history(subjects(), 40).value()));
  const auto updates = [](const ReputationStore& store, std::int64_t since) {
    std::vector<std::tuple<std::int64_t, std::uint64_t, DigestKey>> result;
    for (const Batch::Update& one : collect<Batch::Update>(
             [&](const auto& visit) { return store.read_updates(since, visit); }))
      result.emplace_back(one.time, one.change_id, one.subject);
    return result;
  };
  for (const std::int64_t since : {std::int64_t{-1}, now - 30, now - 1, now + 1})
    ASSERT_EQ(updates(left, since), updates(right, since));
}

void expect_equal_searches(const ReputationStore& left, const ReputationStore& right) {
  for (const std::string_view text : {"", "nAmE 1", ".exe", "7", "nothing like it"}) {
    for (const std::size_t rows : {0U, 1U, 3U, 100U}) {
      for (const std::size_t most_visited : {0U, 1U, 4U, 1000U}) {
        const auto one = left.search_names(text, rows, most_visited).value();
        const auto other = right.search_names(text, rows, most_visited).value();
        ASSERT_EQ(one.files, other.files);
        ASSERT_EQ(one.truncated, other.truncated);
      }
    }
  }
}

void expect_equal(const ReputationStore& left, const ReputationStore& right, std::int64_t now) {
  ASSERT_NO_FATAL_FAILURE(expect_equal_numbers(left, right));
  ASSERT_NO_FATAL_FAILURE(expect_equal_records(left, right));
  ASSERT_NO_FATAL_FAILURE(expect_equal_references(left, right));
  ASSERT_NO_FATAL_FAILURE(expect_equal_logs(left, right, now));
  ASSERT_NO_FATAL_FAILURE(expect_equal_searches(left, right));
}

// The rarest answer: if there were none, the comparison would show nothing.
std::size_t count_overridden(const ReputationStore& store) {
  std::size_t count = 0;
  for (std::uint8_t i = 1; i <= kRandomCertificates; ++i)
    count += store.overridden(reputation::digest<tie::Sha1>(i), 100).value().files.size();
  return count;
}

TEST(StoreComparison, RandomHistoriesLeaveEqualStores) {
  std::size_t overridden = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    const TemporaryDirectory directory;
    const RocksOptions options{.directory = directory.path() / "store"};
    const std::unique_ptr<ReputationStore> memory = make_memory_store();
    auto rocks = open_rocks_store(options);
    ASSERT_TRUE(rocks) << rocks.error().message;
    RandomBatches batches(seed);
    std::int64_t now = reputation::kNow;
    for (int i = 1; i <= kOperations; ++i, ++now) {
      const Batch batch = batches.next(*memory, now);
      ASSERT_TRUE(memory->commit(batch, Durability::kBuffered));
      ASSERT_TRUE((*rocks)->commit(batch, Durability::kBuffered));
      if (i % 50 != 0) continue;
      ASSERT_NO_FATAL_FAILURE(expect_equal(*memory, **rocks, now)) << "after " << i;
      overridden += count_overridden(*memory);
    }
    rocks->reset();
    rocks = open_rocks_store(options);
    ASSERT_TRUE(rocks) << rocks.error().message;
    ASSERT_NO_FATAL_FAILURE(expect_equal(*memory, **rocks, now)) << "after reopening";
  }
  EXPECT_GT(overridden, 5U);
}

}  // namespace
}  // namespace tiara::store
