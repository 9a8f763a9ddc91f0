// Back-ups, restoring, compaction.
#include "store/maintenance.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/random_batches.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::hashes;
using reputation::record;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class MaintenanceTest : public testing::Test {
 protected:
  std::unique_ptr<ReputationStore> open(const std::filesystem::path& path) {
    auto store = open_rocks_store(RocksOptions{.directory = path});
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }
  // The n-th change: a file, an audit entry, an update.
  static Batch change(std::uint64_t n) {
    Batch batch;
    batch.put = {record(hashes(static_cast<std::uint8_t>(1 + n % 250), 0, 0))};
    batch.audit = {AuditEntry{.time = static_cast<std::int64_t>(n), .hashes = hashes(1, 0, 0)}};
    batch.updates = {{.time = static_cast<std::int64_t>(n),
                      .change_id = n,
                      .subject = reputation::strongest_key(hashes(1, 0, 0))}};
    batch.change_id = n;
    return batch;
  }
  static void expect_sound(const std::filesystem::path& path) {
    const auto report = verify_store(path, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->problems, IsEmpty());
  }

  TemporaryDirectory directory_;
  const std::filesystem::path store_ = directory_.path() / "store";
  const std::filesystem::path shelf_ = directory_.path() / "back-ups";
  const std::filesystem::path restored_ = directory_.path() / "restored";
};

TEST_F(MaintenanceTest, RestoresEachBackUpAsItWas) {
  std::string id;
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    id = store->id();
    for (std::uint64_t n = 1; n <= 2; ++n) {
      ASSERT_TRUE(store->commit(change(n), Durability::kBuffered));
      ASSERT_TRUE(store->back_up(shelf_));
    }
    ASSERT_TRUE(store->commit(change(3), Durability::kSynced));
  }
  const auto list = list_back_ups(shelf_);
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->front().number, 1U);
  EXPECT_GT(list->front().bytes, 0U);
  EXPECT_EQ(std::filesystem::status(shelf_).permissions(), std::filesystem::perms::owner_all);
  for (const std::uint32_t number : {1U, 2U, 0U}) {
    SCOPED_TRACE(number);
    std::filesystem::remove_all(restored_);
    const auto done = restore_store(shelf_, number, restored_);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(std::filesystem::status(restored_).permissions(), std::filesystem::perms::owner_all);
    expect_sound(restored_);
    const auto store = open(restored_);
    ASSERT_TRUE(store);
    EXPECT_EQ(store->last_change_id(), number == 0 ? 2U : number);
    EXPECT_EQ(store->audit_head().count, store->last_change_id());
    EXPECT_EQ(store->id(), id);
  }
}

TEST_F(MaintenanceTest, BackUpUnderLoadIsOneMoment) {
  std::atomic<std::uint64_t> committed{0};
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      for (std::uint64_t n = 1; !stop; ++n) {
        if (!store->commit(change(n), Durability::kBuffered)) break;
        committed = n;
      }
    });
    for (int i = 0; i < 3; ++i) {
      const auto done = store->back_up(shelf_);
      EXPECT_TRUE(done) << done.error().message;
    }
    stop = true;
    writer.join();
  }
  ASSERT_TRUE(restore_store(shelf_, 0, restored_));
  expect_sound(restored_);
  const auto store = open(restored_);
  ASSERT_TRUE(store);
  EXPECT_EQ(store->audit_head().count, store->last_change_id());
  EXPECT_LE(store->last_change_id(), committed);
}

TEST_F(MaintenanceTest, RefusesADamagedBackUp) {
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->commit(change(1), Durability::kSynced));
    ASSERT_TRUE(store->back_up(shelf_));
  }
  for (const auto& file : std::filesystem::recursive_directory_iterator(shelf_)) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(40);
    table.put('\x7f').put('\x7f').put('\x7f');
  }
  const auto done = restore_store(shelf_, 0, restored_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, dxl::ErrorCode::kStorage);
  EXPECT_THAT(done.error().message, HasSubstr("damaged"));
  EXPECT_FALSE(std::filesystem::exists(restored_));
}

TEST_F(MaintenanceTest, PassesOverNoNewerBackUpThatCannotBeRead) {
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    for (std::uint64_t n = 1; n <= 2; ++n) {
      ASSERT_TRUE(store->commit(change(n), Durability::kSynced));
      ASSERT_TRUE(store->back_up(shelf_));
    }
  }
  std::filesystem::resize_file(shelf_ / "meta" / "2", 20);
  for (const std::uint32_t number : {0U, 2U}) {
    const auto done = restore_store(shelf_, number, restored_);
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, HasSubstr("back-up 2 is damaged; the newest that is not has "
                                                "the number 1"));
  }
  EXPECT_EQ(restore_store(shelf_, 1, restored_), 1U);
  std::filesystem::remove_all(restored_);
  std::filesystem::resize_file(shelf_ / "meta" / "1", 20);
  EXPECT_THAT(restore_store(shelf_, 0, restored_).error().message,
              HasSubstr("all back-ups are damaged"));
}

TEST_F(MaintenanceTest, APipeAmongTheBackUpsHoldsNobodyUp) {
  const auto store = open(store_);
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->back_up(shelf_));
  const std::filesystem::path pipe = shelf_ / "meta" / "7";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& message :
       {store->back_up(shelf_).error().message, list_back_ups(shelf_).error().message,
        restore_store(shelf_, 0, restored_).error().message})
    EXPECT_THAT(message, HasSubstr(pipe.string() + ": is neither a file nor a directory"));
  std::filesystem::remove(pipe);
  EXPECT_TRUE(store->back_up(shelf_));
}

TEST_F(MaintenanceTest, RefusesDestinationsAndNumbersThatAreWrong) {
  EXPECT_THAT(restore_store(shelf_, 0, restored_).error().message, HasSubstr("no such directory"));
  EXPECT_FALSE(list_back_ups(shelf_));
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->back_up(shelf_));
  }
  EXPECT_THAT(restore_store(shelf_, 9, restored_).error().message, HasSubstr("the newest is 1"));
  EXPECT_THAT(restore_store(shelf_, 0, store_).error().message,
              HasSubstr("not an empty directory"));
  std::filesystem::create_directory(restored_);
  EXPECT_EQ(restore_store(shelf_, 0, restored_), 1U);
}

TEST_F(MaintenanceTest, MakesBackUpsOnlyInADirectoryOfTheirOwn) {
  const auto store = open(store_);
  ASSERT_TRUE(store);
  const auto foreign = directory_.path() / "foreign";
  std::filesystem::create_directory(foreign);
  std::ofstream(foreign / "passwd") << "x";
  std::filesystem::create_directory_symlink(store_, directory_.path() / "link");
  for (const auto& wrong : {store_, store_ / "in" / "it", directory_.path() / "link" / "in",
                            store_ / ".." / "store" / "in", foreign, directory_.path()}) {
    const auto done = store->back_up(wrong);
    ASSERT_FALSE(done) << wrong;
    EXPECT_EQ(done.error().code, dxl::ErrorCode::kStorage);
    EXPECT_THAT(done.error().message,
                AnyOf(HasSubstr("is in the store"), HasSubstr("other files")));
  }
  EXPECT_FALSE(std::filesystem::exists(store_ / "in"));
  EXPECT_FALSE(std::filesystem::exists(foreign / "meta"));
  std::filesystem::create_directory(shelf_);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(store->back_up(shelf_));
  EXPECT_TRUE(store->back_up(directory_.path() / "storehouse"));
}

TEST_F(MaintenanceTest, TellsAMissingDirectoryFromOneWithoutBackUps) {
  EXPECT_THAT(list_back_ups(shelf_).error().message, HasSubstr("no such directory"));
  std::filesystem::create_directory(shelf_);
  EXPECT_THAT(list_back_ups(shelf_).error().message, HasSubstr("there are no back-ups"));
}

TEST_F(MaintenanceTest, CompactionGivesSpaceBack) {
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    std::vector<reputation::FileRecord> all;
    for (std::uint8_t i = 1; i <= 200; ++i) {
      all.push_back(record(hashes(i, i, i)));
      for (std::uint8_t n = 1; n <= 50; ++n)
        all.back().names.push_back(std::to_string(n) + std::string(50, static_cast<char>(i)));
    }
    Batch batch;
    batch.put = all;
    ASSERT_TRUE(store->commit(batch, Durability::kSynced));
    Batch removal;
    removal.remove = all;
    ASSERT_TRUE(store->commit(removal, Durability::kSynced));
  }
  const auto report = compact_store(store_, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->bytes_before, 4 * report->bytes_after);
  expect_sound(store_);
  EXPECT_FALSE(compact_store(directory_.path() / "nothing", {}));
}

TEST_F(MaintenanceTest, RandomHistoriesVerify) {
  {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    RandomBatches batches(5);
    for (int i = 1; i <= 200; ++i)
      ASSERT_TRUE(store->commit(batches.next(*store, i), Durability::kBuffered));
  }
  const auto report = verify_store(store_, {});
  ASSERT_TRUE(report);
  // The random history counts references of its own, and names subjects that are not there.
  for (const std::string& problem : report->problems)
    EXPECT_THAT(problem, testing::AnyOf(HasSubstr("without a record"), HasSubstr("in the record"),
                                        HasSubstr("digest is not known")));
  EXPECT_GT(report->audit.count, 100U);
}

// The end of the log as a disk may leave it that wrote some sectors and not others.
class DamagedLogTest : public MaintenanceTest {
 protected:
  // Several blocks of the log: what follows damage in its own block cannot be read.
  static constexpr std::uint64_t kChanges = 400;

  void SetUp() override {
    const auto store = open(store_);
    ASSERT_TRUE(store);
    for (std::uint64_t n = 1; n <= kChanges; ++n)
      ASSERT_TRUE(store->commit(change(n), Durability::kBuffered));
  }
  std::filesystem::path log() const {
    for (const auto& file : std::filesystem::directory_iterator(store_))
      if (file.path().extension() == ".log") return file.path();
    return {};
  }
  // Overwrites what is `from` bytes before the end.
  void zero(std::uint64_t from, std::size_t bytes) const {
    std::fstream file(log(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-static_cast<std::streamoff>(from), std::ios::end);
    file << std::string(bytes, '\0');
  }
  void expect_refused() const {
    const auto store = open_rocks_store(RocksOptions{.directory = store_});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, dxl::ErrorCode::kStorage);
    for (const auto& message : {store.error().message, verify_store(store_, {}).error().message})
      EXPECT_THAT(message,
                  AllOf(HasSubstr("restore a back-up"), HasSubstr("`tiara store recover`")));
  }
};

TEST_F(DamagedLogTest, AStoreThatEndsInZerosIsRecoveredWithWhatIsBeforeThem) {
  zero(700, 700);
  expect_refused();
  const auto report = recover_store(store_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damage, AllOf(HasSubstr("Corruption"), Not(HasSubstr("recover"))));
  EXPECT_GT(report->change_id, 0U);
  EXPECT_LT(report->change_id, kChanges);
  EXPECT_EQ(report->audit.count, report->change_id);
  expect_sound(store_);
  const auto store = open(store_);
  ASSERT_TRUE(store);
  EXPECT_EQ(store->last_change_id(), report->change_id);
  ASSERT_TRUE(store->commit(change(report->change_id + 1), Durability::kSynced));
}

TEST_F(DamagedLogTest, WhatIsSeenBehindTheDamageIsReportedAsGivenUp) {
  zero(std::filesystem::file_size(log()) / 2, 8);
  expect_refused();
  const auto report = recover_store(store_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LT(report->change_id, kChanges);
  EXPECT_EQ(report->change_id_seen, kChanges);
  EXPECT_EQ(report->audit_seen, kChanges);
  expect_sound(store_);
}

TEST_F(DamagedLogTest, ASoundStoreStaysAsItIs) {
  const auto report = recover_store(store_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damage, IsEmpty());
  EXPECT_EQ(report->change_id, kChanges);
  EXPECT_EQ(report->audit_seen, kChanges);
  expect_sound(store_);
}

TEST_F(DamagedLogTest, WhatIsInUseOrNoStoreIsRefused) {
  const auto none = recover_store(restored_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, dxl::ErrorCode::kStorage);
  const auto store = open(store_);
  const auto used = recover_store(store_);
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, dxl::ErrorCode::kInUse);
  EXPECT_THAT(used.error().message, HasSubstr("held by a running server or another command; stop"));
}

}  // namespace
}  // namespace tiara::store
