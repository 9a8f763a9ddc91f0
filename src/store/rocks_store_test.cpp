// What only a store on a disk can do: reopen, refuse, and keep others out.
#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "reputation/test_records.hpp"
#include "store/reputation_store.hpp"
#include "store/rocks_keys.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::hashes;
using reputation::record;
using reputation::strongest_key;
using testing::ElementsAre;
using testing::HasSubstr;

class RocksStoreTest : public testing::Test {
 protected:
  dxl::Result<std::unique_ptr<ReputationStore>> open() {
    return open_rocks_store(RocksOptions{.directory = path()});
  }
  std::filesystem::path path() const { return directory_.path() / "state" / "store"; }
  // Writes one raw pair behind the store's back.
  void damage(const std::string& key, const std::string& value) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    std::filesystem::create_directories(path());
    ASSERT_TRUE(rocksdb::DB::Open(options, path().string(), &db).ok());
    const std::unique_ptr<rocksdb::DB> owner(db);
    ASSERT_TRUE(db->Put({}, key, value).ok());
  }

  TemporaryDirectory directory_;
};

TEST_F(RocksStoreTest, KeepsEverythingAcrossReopening) {
  Batch batch;
  batch.put = {record(hashes(1, 0, 3))};
  batch.references = {
      Batch::Reference{.subject = strongest_key(hashes(1, 0, 3)), .agent = "a", .time = 5}};
  batch.change_id = 9;
  {
    auto store = open();
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit(batch, Durability::kBuffered));
  }
  auto store = open();
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT((*store)->find(hashes(1, 0, 0)).value(), ElementsAre(batch.put[0]));
  EXPECT_EQ((*store)->has_reference(strongest_key(hashes(0, 0, 3)), "A"), true);
  EXPECT_EQ((*store)->last_change_id(), 9U);
  EXPECT_EQ((*store)->enterprise_size(), 1U);
}

TEST_F(RocksStoreTest, MakesADirectoryForItsOwnerAlone) {
  auto store = open();
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(std::filesystem::status(path()).permissions(), std::filesystem::perms::owner_all);
}

TEST_F(RocksStoreTest, RefusesASecondOwner) {
  auto first = open();
  ASSERT_TRUE(first) << first.error().message;
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, dxl::ErrorCode::kInUse);
  EXPECT_THAT(second.error().message, HasSubstr(path().string()));
}

TEST_F(RocksStoreTest, ReadsBesideARunningWriterAndChangesNothing) {
  auto writer = open();
  ASSERT_TRUE(writer) << writer.error().message;
  Batch batch;
  batch.put = {record(hashes(1, 0, 3))};
  batch.audit = {AuditEntry{.time = 1, .hashes = hashes(1, 0, 3)}};
  ASSERT_TRUE((*writer)->commit(batch, Durability::kSynced));
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(path()))
      names.push_back(file.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  };
  const std::vector<std::string> before = files();
  auto reader = open_rocks_store(RocksOptions{.directory = path(), .read_only = true});
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_THAT((*reader)->find(hashes(1, 0, 0)).value(), ElementsAre(batch.put[0]));
  EXPECT_EQ((*reader)->id(), (*writer)->id());
  EXPECT_EQ((*reader)->audit_head(), (*writer)->audit_head());
  EXPECT_THAT((*reader)->commit(batch, Durability::kSynced).error().message,
              HasSubstr("for reading only"));
  EXPECT_FALSE((*reader)->back_up(directory_.path() / "back-up"));
  ASSERT_TRUE((*writer)->commit(batch, Durability::kSynced));
  EXPECT_EQ((*reader)->audit_head().count, 1U);  // as of its opening
  reader->reset();
  EXPECT_EQ(files(), before);
}

TEST_F(RocksStoreTest, ReadOnlyOpeningMakesNothing) {
  EXPECT_FALSE(open_rocks_store(RocksOptions{.directory = path(), .read_only = true}));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(RocksStoreTest, RefusesADamagedHeadOrId) {
  for (const std::string_view key : {kIdKey, kAuditKey}) {
    std::filesystem::remove_all(path());
    { ASSERT_TRUE(open()); }
    damage(std::string(key), "x");
    const auto store = open();
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().message, HasSubstr("missing or damaged"));
  }
}

TEST_F(RocksStoreTest, RefusesAnotherFormatVersionWithBothNumbers) {
  damage(std::string(kFormatKey), std::string(1, '\x03'));
  const auto store = open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, dxl::ErrorCode::kStorage);
  EXPECT_THAT(store.error().message, HasSubstr("format version 3, this program reads 1 to 2"));
}

TEST_F(RocksStoreTest, RefusesADatabaseThatIsNotAReputationStore) {
  damage("key", "value");
  const auto store = open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, dxl::ErrorCode::kStorage);
}

TEST_F(RocksStoreTest, RefusesAPathThatCannotBeADirectory) {
  std::ofstream(directory_.path() / "state") << "a file";
  const auto store = open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, dxl::ErrorCode::kStorage);
  EXPECT_THAT(store.error().message, HasSubstr(path().string()));
}

TEST_F(RocksStoreTest, ReportsDamagedValuesInsteadOfGuessing) {
  const reputation::DigestKey md5 = reputation::strongest_key(hashes(1, 0, 0));
  const reputation::DigestKey sha1 = reputation::strongest_key(hashes(0, 1, 0));
  std::string other_type(md5.view());
  const std::vector<std::pair<const char*, std::string>> cases{
      {"empty", ""},
      {"unknown tag", "x"},
      {"damaged record", "r\x01"},
      {"pointer to nowhere", "p" + std::string(sha1.view())},
      {"pointer to itself", "p" + other_type},
      {"pointer cut short", "p" + std::string(sha1.view().substr(0, 5))},
      {"pointer of an unknown type", "p\x09" + std::string(20, 'x')},
  };
  { ASSERT_TRUE(open()); }
  for (const auto& [name, value] : cases) {
    SCOPED_TRACE(name);
    damage(digest_key(md5), value);
    auto store = open();
    ASSERT_TRUE(store) << store.error().message;
    const auto found = (*store)->find(hashes(1, 0, 0));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, dxl::ErrorCode::kStorage);
  }
}

}  // namespace
}  // namespace tiara::store
