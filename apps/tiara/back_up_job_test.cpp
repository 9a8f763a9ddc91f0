#include "tiara/back_up_job.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <string>
#include <vector>

namespace tiara::app {
namespace {

// A back-up that takes until the test lets it end.
class Gate {
 public:
  dxl::Result<void> pass(const std::filesystem::path& directory) {
    std::unique_lock lock(mutex_);
    directories_.push_back(directory);
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    if (!error_.empty()) return dxl::fail(dxl::ErrorCode::kStorage, error_);
    return {};
  }
  void open(std::string error = "") {
    const std::lock_guard lock(mutex_);
    open_ = true;
    error_ = std::move(error);
    changed_.notify_all();
  }
  std::vector<std::filesystem::path> directories() {
    const std::lock_guard lock(mutex_);
    return directories_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::string error_;
  std::vector<std::filesystem::path> directories_;
};

dxl::Result<std::string> wait_for_end(BackUpJob& job) {
  while (true) {
    auto state = *job.answer("backup-state");
    if (!state || *state == "{\"running\":false}") return state;
    std::this_thread::yield();
  }
}

TEST(BackUpJob, AnswersAtOnceAndTellsWhenItIsThrough) {
  Gate gate;
  BackUpJob job([&gate](const auto& directory) { return gate.pass(directory); });
  EXPECT_EQ(*job.answer("backup-state").value(), "{\"running\":false}");
  EXPECT_EQ(*job.answer("backup /some where").value(), "{\"running\":true}");
  EXPECT_EQ(*job.answer("backup-state").value(), "{\"running\":true}");
  const auto second = *job.answer("backup /other");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, dxl::ErrorCode::kInUse);
  gate.open();
  EXPECT_TRUE(wait_for_end(job));
  EXPECT_EQ(gate.directories(), std::vector<std::filesystem::path>{"/some where"});
}

TEST(BackUpJob, TellsTheErrorUntilTheNextOne) {
  Gate gate;
  gate.open("no space");
  BackUpJob job([&gate](const auto& directory) { return gate.pass(directory); });
  ASSERT_TRUE(*job.answer("backup /a"));
  const auto failed = wait_for_end(job);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no space");
  gate.open("");
  ASSERT_TRUE(*job.answer("backup /b"));
  EXPECT_TRUE(wait_for_end(job));
}

TEST(BackUpJob, TakesAbsoluteDirectoriesAndNoOtherCommand) {
  BackUpJob job([](const auto&) -> dxl::Result<void> { return {}; });
  EXPECT_EQ((*job.answer("backup a")).error().code, dxl::ErrorCode::kInvalidArgument);
  EXPECT_EQ((*job.answer("backup ")).error().code, dxl::ErrorCode::kInvalidArgument);
  EXPECT_FALSE(job.answer("status"));
  EXPECT_FALSE(job.answer("backup"));
}

}  // namespace
}  // namespace tiara::app
