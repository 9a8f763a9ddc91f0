// One suite for both stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"
#include "store/either_store.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

using reputation::FileRecord;
using reputation::hashes;
using reputation::record;
using reputation::strongest_key;
using testing::ElementsAre;
using testing::IsEmpty;

class StoreTest : public EitherStoreTest {
 protected:
  void put(FileRecord subject) {
    Batch batch;
    batch.put = {std::move(subject)};
    commit(batch);
  }
  void refer(const tie::FileHashes& subject, std::string agent, std::int64_t time = 1) {
    Batch batch;
    batch.references = {Batch::Reference{
        .subject = strongest_key(subject), .agent = std::move(agent), .time = time}};
    commit(batch);
  }
  std::vector<FileRecord> find(const tie::FileHashes& by) {
    const auto found = store_->find(by);
    EXPECT_TRUE(found);
    return found.value_or(std::vector<FileRecord>{});
  }
  bool has_reference(const tie::FileHashes& subject, std::string_view agent) {
    const auto found = store_->has_reference(strongest_key(subject), agent);
    EXPECT_TRUE(found);
    return found.value_or(false);
  }
  std::uint64_t count(const std::vector<tie::FileHashes>& subjects) {
    std::vector<reputation::DigestKey> keys;
    for (const tie::FileHashes& subject : subjects) keys.push_back(strongest_key(subject));
    const auto counted = store_->count_references(keys);
    EXPECT_TRUE(counted);
    return counted.value_or(0);
  }
};

TEST_P(StoreTest, StartsEmpty) {
  EXPECT_THAT(find(hashes(1, 2, 3)), IsEmpty());
  EXPECT_EQ(store_->enterprise_size(), 0U);
  EXPECT_EQ(store_->last_change_id(), 0U);
  EXPECT_FALSE(has_reference(hashes(1, 0, 0), "agent"));
}

TEST_P(StoreTest, FindsARecordByAnyOfItsDigests) {
  const FileRecord subject = record(hashes(1, 2, 3));
  put(subject);
  for (const tie::FileHashes& by :
       {hashes(1, 0, 0), hashes(0, 2, 0), hashes(0, 0, 3), hashes(1, 2, 3), hashes(1, 0, 9)})
    EXPECT_THAT(find(by), ElementsAre(subject));
  EXPECT_THAT(find(hashes(2, 3, 1)), IsEmpty());
}

TEST_P(StoreTest, FindsDistinctRecordsStrongestDigestFirst) {
  const FileRecord weak = record(hashes(1, 0, 0));
  const FileRecord strong = record(hashes(0, 2, 3));
  Batch batch;
  batch.put = {weak, strong};
  commit(batch);
  EXPECT_THAT(find(hashes(1, 2, 3)), ElementsAre(strong, weak));
}

TEST_P(StoreTest, ReplacesARecord) {
  FileRecord subject = record(hashes(1, 0, 3));
  put(subject);
  subject.names = {"new"};
  put(subject);
  EXPECT_THAT(find(hashes(1, 0, 0)), ElementsAre(subject));
}

TEST_P(StoreTest, RekeysWhenAStrongerDigestIsLearned) {
  put(record(hashes(1, 0, 0)));
  refer(hashes(1, 0, 0), "agent");
  for (const tie::FileHashes& learned : {hashes(1, 2, 0), hashes(1, 2, 3)}) {
    const FileRecord stronger = record(learned);
    Batch batch;
    batch.moves = {Batch::Move{.from = hashes(1, learned.sha256 ? 2 : 0, 0), .to = learned}};
    batch.put = {stronger};
    commit(batch);
    EXPECT_THAT(find(hashes(1, 0, 0)), ElementsAre(stronger));
    EXPECT_THAT(find(hashes(0, 2, 0)), ElementsAre(stronger));
    EXPECT_TRUE(has_reference(learned, "agent"));
    EXPECT_FALSE(has_reference(hashes(1, 0, 0), "agent"));
  }
}

TEST_P(StoreTest, MergesRecordsWithTheirReferences) {
  put(record(hashes(1, 0, 0)));
  put(record(hashes(0, 0, 3)));
  refer(hashes(1, 0, 0), "weak only", 10);
  refer(hashes(1, 0, 0), "both", 10);
  refer(hashes(0, 0, 3), "both", 20);
  refer(hashes(0, 0, 3), "strong only", 20);
  EXPECT_EQ(count({hashes(1, 0, 0), hashes(0, 0, 3)}), 3U);

  const FileRecord merged = record(hashes(1, 0, 3));
  Batch batch;
  batch.moves = {Batch::Move{.from = hashes(1, 0, 0), .to = hashes(1, 0, 3)}};
  batch.put = {merged};
  commit(batch);
  EXPECT_THAT(find(hashes(1, 0, 0)), ElementsAre(merged));
  EXPECT_EQ(count({hashes(1, 0, 3)}), 3U);
  EXPECT_EQ(count({hashes(1, 0, 0)}), 0U);
  EXPECT_EQ(store_->enterprise_size(), 3U);
}

TEST_P(StoreTest, RemovesARecordWithItsPointersAndReferences) {
  put(record(hashes(1, 2, 3)));
  refer(hashes(1, 2, 3), "agent");
  Batch batch;
  batch.remove = {record(hashes(1, 2, 3))};
  commit(batch);
  EXPECT_THAT(find(hashes(1, 2, 3)), IsEmpty());
  EXPECT_FALSE(has_reference(hashes(1, 2, 3), "agent"));
  EXPECT_EQ(store_->enterprise_size(), 1U);  // agents ever seen
}

TEST_P(StoreTest, CountsAgentsOnceWithoutRegardToCase) {
  refer(hashes(1, 0, 0), "{ABC}");
  refer(hashes(1, 0, 0), "{abc}");
  refer(hashes(2, 0, 0), "{Abc}");
  refer(hashes(2, 0, 0), "other");
  EXPECT_TRUE(has_reference(hashes(1, 0, 0), "{aBC}"));
  EXPECT_EQ(count({hashes(1, 0, 0)}), 1U);
  EXPECT_EQ(count({hashes(2, 0, 0)}), 2U);
  EXPECT_EQ(store_->enterprise_size(), 2U);
}

TEST_P(StoreTest, KeepsReferencesOfSubjectsApart) {
  refer(hashes(1, 0, 0), "a");
  EXPECT_FALSE(has_reference(hashes(0, 1, 0), "a"));
  EXPECT_FALSE(has_reference(hashes(2, 0, 0), "a"));
  EXPECT_FALSE(has_reference(hashes(1, 0, 0), "ab"));
}

TEST_P(StoreTest, RefusesABatchItCannotStoreAsAWhole) {
  FileRecord nameless = record({});
  FileRecord long_name = record(hashes(2, 0, 0));
  long_name.names = {std::string(kMaxTextBytes + 1, 'x')};
  for (const FileRecord& bad : {nameless, long_name}) {
    Batch batch;
    batch.put = {record(hashes(1, 0, 0)), bad};
    batch.change_id = 7;
    const dxl::Result<void> committed = store_->commit(batch, Durability::kSynced);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_THAT(find(hashes(1, 0, 0)), IsEmpty());
    EXPECT_EQ(store_->last_change_id(), 0U);
  }
  Batch batch;
  batch.references = {Batch::Reference{.subject = strongest_key(hashes(1, 0, 0)),
                                       .agent = std::string(kMaxAgentBytes + 1, 'a'),
                                       .time = 1}};
  EXPECT_FALSE(store_->commit(batch, Durability::kSynced));
}

TEST_P(StoreTest, RemembersTheLastChangeId) {
  Batch batch;
  batch.change_id = 41;
  commit(batch);
  put(record(hashes(1, 0, 0)));
  EXPECT_EQ(store_->last_change_id(), 41U);
}

INSTANTIATE_TEST_SUITE_P(Both, StoreTest, testing::Values(Kind::kMemory, Kind::kRocks), kind_name);

}  // namespace
}  // namespace tiara::store
