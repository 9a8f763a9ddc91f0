// For tests that both stores must pass: the fixture, with one store of the kind asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "store/reputation_store.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {

enum class Kind : std::uint8_t { kMemory, kRocks };

inline std::string kind_name(const testing::TestParamInfo<Kind>& param) {
  return param.param == Kind::kMemory ? "Memory" : "Rocks";
}

class EitherStoreTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      store_ = make_memory_store();
      return;
    }
    auto opened = open_rocks_store(RocksOptions{.directory = directory_.path() / "store"});
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  void commit(const Batch& batch) {
    const dxl::Result<void> committed = store_->commit(batch, Durability::kBuffered);
    ASSERT_TRUE(committed) << committed.error().message;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<ReputationStore> store_;
};

}  // namespace tiara::store
