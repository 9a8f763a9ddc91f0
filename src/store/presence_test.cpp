// A store that lost its CURRENT is neither replaced nor touched.
#include "store/presence.hpp"

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"
#include "store/maintenance.hpp"
#include "store/reputation_store.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using testing::HasSubstr;

class PresenceTest : public testing::Test {
 protected:
  void make(const std::string& name) const {
    std::filesystem::create_directories(store_);
    std::ofstream(store_ / name) << name;
  }
  void make_store() const {
    const auto store = open_rocks_store({.directory = store_});
    ASSERT_TRUE(store) << store.error().message;
    Batch batch;
    batch.put = {reputation::record(reputation::hashes(1, 2, 3))};
    ASSERT_TRUE((*store)->commit(batch, Durability::kSynced));
  }
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (const auto& file : std::filesystem::directory_iterator(store_)) {
      std::ifstream in(file.path(), std::ios::binary);
      all[file.path().filename().string()] = {std::istreambuf_iterator<char>(in), {}};
    }
    return all;
  }

  TemporaryDirectory directory_;
  const std::filesystem::path store_ = directory_.path() / "store";
};

TEST_F(PresenceTest, TellsAStoreFromNoneAndFromWhatIsLeftOfOne) {
  EXPECT_EQ(find_store(store_), Presence::kNone);
  std::filesystem::create_directory(store_);
  EXPECT_EQ(find_store(store_), Presence::kNone);
  make("000007.sst");
  EXPECT_EQ(find_store(store_), Presence::kBroken);
  make("CURRENT");
  EXPECT_EQ(find_store(store_), Presence::kThere);
}

TEST_F(PresenceTest, AStoreWithoutCurrentIsRefusedAndStaysAsItIs) {
  for (const bool with_log : {true, false}) {
    SCOPED_TRACE(with_log);
    std::filesystem::remove_all(store_);
    make_store();
    if (!with_log) {
      ASSERT_TRUE(compact_store(store_, {}));
      for (const auto& [name, text] : contents())
        if (name.ends_with(".log")) std::filesystem::remove(store_ / name);
    }
    std::filesystem::remove(store_ / "CURRENT");
    const auto before = contents();
    for (const bool read_only : {false, true}) {
      const auto opened = open_rocks_store({.directory = store_, .read_only = read_only});
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, dxl::ErrorCode::kStorage);
      EXPECT_THAT(opened.error().message, HasSubstr("restore a back-up"));
    }
    for (const auto& refused :
         {verify_store(store_, {}).error(), recover_store(store_).error(),
          compact_store(store_, {}).error(), migrate_store(store_, {}).error()})
      EXPECT_THAT(refused.message, HasSubstr("its CURRENT is missing"));
    EXPECT_EQ(contents(), before);
  }
}

TEST_F(PresenceTest, WhatAnInterruptedBeginningLeftIsNoObstacle) {
  for (const char* name : {"LOCK", "LOG", "LOG.old.1", "IDENTITY", "000001.dbtmp"}) make(name);
  EXPECT_EQ(find_store(store_), Presence::kNone);
  make_store();
}

TEST_F(PresenceTest, ReadingMakesNoStore) {
  EXPECT_FALSE(open_rocks_store({.directory = store_, .read_only = true}));
  EXPECT_FALSE(std::filesystem::exists(store_));
}

}  // namespace
}  // namespace tiara::store
