// What is acknowledged survives a power cut, and the test would notice if it did not.
#include <chrono>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "reputation/test_records.hpp"
#include "store/fault_file_system.hpp"
#include "store/reputation_store.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::FileRecord;

const tie::Sha1 kSigner = reputation::digest<tie::Sha1>(7);

// The n-th commit of the stream: one new file with three digests, and one of everything that can
// come with it.
FileRecord nth_record(std::uint32_t n) {
  tie::FileHashes hashes = reputation::hashes(1, 2, 3);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = static_cast<std::uint8_t>(n >> (8 * i));
    hashes.md5->bytes[i] = byte;
    hashes.sha1->bytes[i] = byte;
    hashes.sha256->bytes[i] = byte;
  }
  FileRecord record = reputation::record(hashes);
  record.names = {"file " + std::to_string(n) + std::string(200, 'x')};
  record.entries = {reputation::entry(tie::Provider::kEnterprise, tie::TrustLevel::kKnownTrusted)};
  record.signer = tie::Certificate{.sha1 = kSigner};
  return record;
}

Batch nth_batch(std::uint32_t n) {
  const FileRecord record = nth_record(n);
  const reputation::DigestKey subject = reputation::strongest_key(record.hashes);
  Batch batch;
  batch.put = {record};
  batch.references = {{.subject = subject, .agent = "agent " + std::to_string(n), .time = n}};
  batch.overrides = {{.certificate = kSigner, .file = subject, .changed = n, .present = true}};
  batch.updates = {{.time = n, .change_id = n, .subject = subject}};
  batch.audit = {AuditEntry{.time = n, .hashes = record.hashes}};
  batch.change_id = n;
  return batch;
}

bool is_there(const ReputationStore& store, std::uint32_t n) {
  const FileRecord record = nth_record(n);
  tie::FileHashes by_md5;
  by_md5.md5 = record.hashes.md5;
  const auto found = store.find(by_md5);
  const auto reference =
      store.has_reference(reputation::strongest_key(record.hashes), "agent " + std::to_string(n));
  return found && *found == std::vector<FileRecord>{record} && reference && *reference;
}

// Whatever was lost was lost whole: the log verifies, ends with the last change that is there, and
// every index says the same.
void expect_consistent(const ReputationStore& store) {
  const std::uint64_t last = store.last_change_id();
  std::uint64_t entries = 0;
  const dxl::Result<void> log = store.read_audit(1, [&](const NumberedAuditEntry& entry) {
    ++entries;
    EXPECT_EQ(entry.entry.time, static_cast<std::int64_t>(entry.number));
    return true;
  });
  EXPECT_TRUE(log) << log.error().message;
  EXPECT_EQ(entries, last);
  EXPECT_EQ(store.audit_head().count, last);
  std::uint64_t updates = 0;
  EXPECT_TRUE(store.read_updates(
      0, [&](const Batch::Update& update) { return update.change_id == ++updates; }));
  EXPECT_EQ(updates, last);
  EXPECT_EQ(store.overridden(kSigner, 1'000'000).value().files.size(), last);
  EXPECT_EQ(store.search_names("file", 1'000'000, 1'000'000).value().files.size(), last);
  EXPECT_EQ(store.enterprise_size(), last);
}

bool is_absent(const ReputationStore& store, std::uint32_t n) {
  const auto found = store.find(nth_record(n).hashes);
  return found && found->empty() && store.last_change_id() != n;
}

// Commits until the power goes off; the number of the last acknowledged commit.
std::uint32_t commit_until_cut(ReputationStore& store, std::uint32_t next, Durability durability) {
  constexpr std::uint32_t kMost = 1'000'000;
  for (; next < kMost; ++next)
    if (!store.commit(nth_batch(next), durability)) return next - 1;
  ADD_FAILURE() << "the power was never cut";
  return next;
}

struct Lost {
  std::uint32_t acknowledged = 0;
  std::uint32_t lost = 0;
};

// Several lives of one store, each ended by a power cut at a random point of a commit.
Lost live_through_power_cuts(bool sync_writes, std::uint64_t seed, int lives,
                             FaultFileSystem::TornWrite torn = FaultFileSystem::TornWrite::kCut) {
  const TemporaryDirectory directory;
  FaultFileSystem disk;
  std::mt19937_64 random(seed);
  const RocksOptions options{.directory = directory.path() / "store",
                             .file_system = disk.file_system(),
                             .sync_writes = sync_writes,
                             .accept_damaged_log = torn != FaultFileSystem::TornWrite::kCut};
  Lost result;
  std::uint32_t next = 1;
  for (int life = 0; life < lives; ++life) {
    auto store = open_rocks_store(options);
    if (!store) {
      ADD_FAILURE() << store.error().message;
      return result;
    }
    disk.cut_power_after(1 + random() % 300);
    const std::uint32_t last = commit_until_cut(**store, next, Durability::kSynced);
    EXPECT_TRUE(disk.power_is_off());
    store->reset();
    disk.lose_unsynced(random(), torn);

    auto after = open_rocks_store(options);
    if (!after) {
      ADD_FAILURE() << "after the cut: " << after.error().message;
      return result;
    }
    for (std::uint32_t n = 1; n <= last; ++n)
      if (!is_there(**after, n)) ++result.lost;
    // The commit that was under way is there whole or not at all.
    const bool came_through = is_there(**after, last + 1);
    EXPECT_TRUE(came_through || is_absent(**after, last + 1));
    expect_consistent(**after);
    result.acknowledged = last;
    next = came_through ? last + 2 : last + 1;
  }
  return result;
}

TEST(PowerCut, EveryAcknowledgedCommitSurvives) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    const Lost result = live_through_power_cuts(true, seed, 4);
    EXPECT_GT(result.acknowledged, 0U);
    EXPECT_EQ(result.lost, 0U);
  }
}

TEST(PowerCut, OpeningOnDemandAfterTornWritesLosesNothingAcknowledged) {
  for (const auto torn :
       {FaultFileSystem::TornWrite::kZeros, FaultFileSystem::TornWrite::kGarbage}) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE(seed);
      const Lost result = live_through_power_cuts(true, seed, 3, torn);
      EXPECT_GT(result.acknowledged, 0U);
      EXPECT_EQ(result.lost, 0U);
    }
  }
}

// A log that ends in the middle of a write opens as it is. One with a sector of other bytes in it
// may be refused, as the damage could be anywhere; it opens on demand, with what was synced.
TEST(PowerCut, GarbledLogOpensOnDemandWithWhatWasSynced) {
  int refused = 0;
  for (const auto torn : {FaultFileSystem::TornWrite::kCut, FaultFileSystem::TornWrite::kZeros,
                          FaultFileSystem::TornWrite::kGarbage}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const TemporaryDirectory directory;
      FaultFileSystem disk;
      const RocksOptions options{.directory = directory.path() / "store",
                                 .file_system = disk.file_system()};
      constexpr std::uint32_t kSynced = 5, kAll = 25;
      {
        auto store = open_rocks_store(options);
        ASSERT_TRUE(store) << store.error().message;
        for (std::uint32_t n = 1; n <= kAll; ++n)
          ASSERT_TRUE((*store)->commit(nth_batch(n),
                                       n == kSynced ? Durability::kSynced : Durability::kBuffered));
        disk.cut_power_after(0);
      }
      disk.lose_unsynced(seed, torn);
      auto after = open_rocks_store(options);
      if (!after) {
        EXPECT_NE(torn, FaultFileSystem::TornWrite::kCut);
        EXPECT_EQ(after.error().code, dxl::ErrorCode::kStorage);
        RocksOptions on_demand = options;
        on_demand.accept_damaged_log = true;
        after = open_rocks_store(on_demand);
        ++refused;
      }
      ASSERT_TRUE(after) << after.error().message;
      const std::uint64_t last = (*after)->last_change_id();
      EXPECT_GE(last, kSynced);
      EXPECT_LE(last, kAll);
      expect_consistent(**after);
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(PowerCut, TheTestNoticesWritesThatAreNotSynced) {
  const Lost result = live_through_power_cuts(false, 1, 1);
  EXPECT_GT(result.acknowledged, 0U);
  EXPECT_GT(result.lost, 0U);
}

TEST(PowerCut, BufferedCommitsAreSavedByTheNextSyncedOne) {
  const TemporaryDirectory directory;
  FaultFileSystem disk;
  const RocksOptions options{.directory = directory.path() / "store",
                             .file_system = disk.file_system()};
  {
    auto store = open_rocks_store(options);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit(nth_batch(1), Durability::kBuffered));
    ASSERT_TRUE((*store)->commit(nth_batch(2), Durability::kSynced));
    disk.cut_power_after(0);
  }
  disk.lose_unsynced(1);
  auto after = open_rocks_store(options);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_TRUE(is_there(**after, 1));
  EXPECT_TRUE(is_there(**after, 2));
  EXPECT_EQ((*after)->last_change_id(), 2U);
  EXPECT_EQ((*after)->enterprise_size(), 2U);
}

TEST(BrokenDisk, ShortWriteAndFailedSyncLeaveNothing) {
  enum class Fault : std::uint8_t { kShortWrite, kLaterNoSpace, kSync };
  for (const Fault fault : {Fault::kShortWrite, Fault::kLaterNoSpace, Fault::kSync}) {
    SCOPED_TRACE(static_cast<int>(fault));
    const TemporaryDirectory directory;
    FaultFileSystem disk;
    const RocksOptions options{.directory = directory.path() / "store",
                               .file_system = disk.file_system()};
    std::uint32_t last = 1;
    {
      auto store = open_rocks_store(options);
      ASSERT_TRUE(store) << store.error().message;
      ASSERT_TRUE((*store)->commit(nth_batch(1), Durability::kSynced));
      if (fault == Fault::kShortWrite)
        disk.set_append_fault(FaultFileSystem::AppendFault::kShortWrite);
      if (fault == Fault::kLaterNoSpace)
        disk.set_append_fault(FaultFileSystem::AppendFault::kNoSpace, 3);
      if (fault == Fault::kSync) disk.set_sync_fault(true);
      last = commit_until_cut(**store, 2, Durability::kSynced);
      EXPECT_EQ(last > 1, fault == Fault::kLaterNoSpace);
      EXPECT_TRUE(is_there(**store, last));
      EXPECT_TRUE(is_absent(**store, last + 1));
      EXPECT_EQ((*store)->audit_head().count, last);
      disk.cut_power_after(0);
    }
    disk.lose_unsynced(1);
    disk.set_append_fault(FaultFileSystem::AppendFault::kNone);
    disk.set_sync_fault(false);
    auto after = open_rocks_store(options);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_TRUE(is_there(**after, last));
    expect_consistent(**after);
  }
}

// RocksDB looks for space every few seconds and refuses writes until it found some.
bool commit_within(ReputationStore& store, std::uint32_t n, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (store.commit(nth_batch(n), Durability::kSynced)) return true;
    std::this_thread::yield();
  }
  return false;
}

TEST(BrokenDisk, FailedCommitLeavesNothingAndReadsGoOn) {
  const TemporaryDirectory directory;
  FaultFileSystem disk;
  auto store = open_rocks_store(
      RocksOptions{.directory = directory.path() / "store", .file_system = disk.file_system()});
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE((*store)->commit(nth_batch(1), Durability::kSynced));
  disk.set_append_fault(FaultFileSystem::AppendFault::kIoError);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const dxl::Result<void> broken = (*store)->commit(nth_batch(2), Durability::kSynced);
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().code, dxl::ErrorCode::kStorage);
  }
  EXPECT_TRUE(is_there(**store, 1));
  EXPECT_TRUE(is_absent(**store, 2));
}

TEST(DiskFull, FailedCommitLeavesNothingAndLaterOnesWork) {
  const TemporaryDirectory directory;
  FaultFileSystem disk;
  const RocksOptions options{.directory = directory.path() / "store",
                             .file_system = disk.file_system()};
  {
    auto store = open_rocks_store(options);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit(nth_batch(1), Durability::kSynced));

    disk.set_append_fault(FaultFileSystem::AppendFault::kNoSpace);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const dxl::Result<void> full = (*store)->commit(nth_batch(2), Durability::kSynced);
      ASSERT_FALSE(full);
      EXPECT_EQ(full.error().code, dxl::ErrorCode::kStorage);
    }
    EXPECT_TRUE(is_absent(**store, 2));
    EXPECT_TRUE(is_there(**store, 1));
    EXPECT_EQ((*store)->last_change_id(), 1U);
    EXPECT_EQ((*store)->enterprise_size(), 1U);

    disk.set_append_fault(FaultFileSystem::AppendFault::kNone);
    ASSERT_TRUE(commit_within(**store, 3, std::chrono::seconds(60)));
    EXPECT_TRUE(is_there(**store, 3));
    disk.cut_power_after(0);
  }
  disk.lose_unsynced(1);
  auto after = open_rocks_store(options);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_TRUE(is_there(**after, 1));
  EXPECT_TRUE(is_absent(**after, 2));
  EXPECT_TRUE(is_there(**after, 3));
}

}  // namespace
}  // namespace tiara::store
