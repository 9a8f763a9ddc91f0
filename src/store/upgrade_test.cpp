// A store that the released program of format 1 wrote (docs/store.md, "Formats").
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/maintenance.hpp"
#include "store/reputation_store.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::FileRecord;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class D>
D digest(std::string_view hex) {
  return D::parse(hex).value();
}
// Of "one\n", "two\n" and "three\n".
tie::FileHashes one() {
  return {.md5 = digest<tie::Md5>("5bbf5a52328e7439ae6e719dfe712200"),
          .sha1 = digest<tie::Sha1>("c7059bb19433cc3cabaa6236c83d56668a843dd2"),
          .sha256 = digest<tie::Sha256>(
              "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806")};
}
tie::FileHashes two() {
  return {.md5 = digest<tie::Md5>("c193497a1a06b2c72230e6146ff47080"),
          .sha1 = digest<tie::Sha1>("7bbef45b3bc70855010e02460717643125c3beca"),
          .sha256 = digest<tie::Sha256>(
              "27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a")};
}
tie::FileHashes three() {
  return {.md5 = digest<tie::Md5>("febe6995bad457991331348f7b9c85fa"),
          .sha1 = digest<tie::Sha1>("1e7720a3460b8a84ac4ba27880d64526a3872f1c"),
          .sha256 = digest<tie::Sha256>(
              "f6936912184481f5edd4c304ce27c5a1a827804fc7f329f43d273b8621870776")};
}

class UpgradeTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::copy(std::filesystem::path(TIARA_FIXTURES) / "store-v1", path());
  }
  std::filesystem::path path() const { return directory_.path() / "store"; }
  std::unique_ptr<ReputationStore> open() {
    auto store = open_rocks_store(RocksOptions{.directory = path()});
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }
  static FileRecord only(const ReputationStore& store, const tie::FileHashes& hashes) {
    const auto found = store.find(hashes);
    EXPECT_TRUE(found);
    EXPECT_EQ(found->size(), 1U);
    return found->size() == 1 ? found->front() : FileRecord{};
  }
  static void expect_records(const ReputationStore& store) {
    const FileRecord first = only(store, one());
    EXPECT_EQ(first.hashes, one());
    EXPECT_EQ(first.level(tie::Provider::kEnterprise), tie::TrustLevel::kKnownTrusted);
    EXPECT_EQ(first.find(tie::Provider::kEnterprise)->comment, "first set");
    EXPECT_THAT(first.names, ElementsAre("one.txt"));
    EXPECT_FALSE(first.signer);
    EXPECT_EQ(first.details, reputation::FileDetails{});

    const FileRecord second = only(store, two());
    EXPECT_EQ(second.level(tie::Provider::kExternal), tie::TrustLevel::kMightBeTrusted);

    const FileRecord third = only(store, three());
    EXPECT_EQ(third.level(tie::Provider::kEnterprise), tie::TrustLevel::kMostLikelyMalicious);
  }

  TemporaryDirectory directory_;
};

TEST_F(UpgradeTest, OpensAStoreOfFormat1WithEverythingInIt) {
  const auto store = open();
  ASSERT_TRUE(store);
  expect_records(*store);
  std::size_t files = 0;
  ASSERT_TRUE(store->scan_files(std::nullopt, [&](const FileRecord&) { return ++files != 0; }));
  EXPECT_EQ(files, 4U);
  EXPECT_EQ(store->id().size(), 32U);
  EXPECT_EQ(store->audit_head(), AuditHead{});
  EXPECT_GT(store->last_change_id(), 0U);
  EXPECT_EQ(store->enterprise_size(), 1U);
}

TEST_F(UpgradeTest, LookupsOfFormat1KeepTheirReferences) {
  const auto store = open();
  ASSERT_TRUE(store);
  const FileRecord third = only(*store, three());
  const auto references = store->references({reputation::strongest_key(third.hashes)}, 10);
  ASSERT_TRUE(references);
  EXPECT_EQ(references->total, third.reference_count);
}

TEST_F(UpgradeTest, KeepsTheIdItWasGivenAndGivesEachStoreAnother) {
  std::string id;
  {
    const auto store = open();
    ASSERT_TRUE(store);
    id = store->id();
  }
  EXPECT_EQ(open()->id(), id);
  auto other = open_rocks_store(RocksOptions{.directory = directory_.path() / "other"});
  ASSERT_TRUE(other);
  EXPECT_NE((*other)->id(), id);
}

TEST_F(UpgradeTest, OldRecordsTakeTheNewPartsWhenTheyAreWritten) {
  const auto store = open();
  ASSERT_TRUE(store);
  FileRecord record = only(*store, one());
  record.signer = tie::Certificate{.sha1 = *two().sha1};
  record.details.described = true;
  Batch batch;
  batch.put = {record};
  ASSERT_TRUE(store->commit(batch, Durability::kSynced));
  EXPECT_EQ(only(*store, one()), record);
  EXPECT_THAT(store->search_names("ONE", 10, 10)->files, ElementsAre(one()));
}

TEST_F(UpgradeTest, MigrationRewritesEveryRecordAndFillsTheNameSearch) {
  {
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_THAT(store->search_names("one", 10, 10)->files, IsEmpty());
  }
  std::filesystem::remove_all(path());
  SetUp();
  const auto migrated = migrate_store(path(), {});
  ASSERT_TRUE(migrated) << migrated.error().message;
  EXPECT_EQ(migrated->from_format, 1U);
  EXPECT_EQ(migrated->to_format, 2U);
  EXPECT_EQ(migrated->rewritten, 4U);
  {
    const auto store = open();
    ASSERT_TRUE(store);
    expect_records(*store);
    EXPECT_THAT(store->search_names("one", 10, 10)->files, ElementsAre(one()));
  }
  const auto again = migrate_store(path(), {});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->from_format, 2U);
  EXPECT_EQ(again->rewritten, 0U);
  const auto verified = verify_store(path(), {});
  ASSERT_TRUE(verified);
  EXPECT_THAT(verified->problems, IsEmpty());
}

TEST_F(UpgradeTest, VerificationLeavesFormat1AsItIs) {
  const auto verified = verify_store(path(), {});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_THAT(verified->problems, IsEmpty());
  EXPECT_EQ(verified->files, 4U);
  const auto migrated = migrate_store(path(), {});
  ASSERT_TRUE(migrated);
  EXPECT_EQ(migrated->from_format, 1U);
}

TEST_F(UpgradeTest, ReadOnlyOpeningRefusesFormat1) {
  const auto store = open_rocks_store(RocksOptions{.directory = path(), .read_only = true});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("format version 1"));
}

}  // namespace
}  // namespace tiara::store
