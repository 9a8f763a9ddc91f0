#include "broker/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RunDirectory : public testing::Test {
 protected:
  RunDirectory() { fs::create_directories(paths_.root); }
  ~RunDirectory() override { ::unsetenv("RUNTIME_DIRECTORY"); }
  fs::path give(const std::string& name) {
    const fs::path made = directory_.path() / name;
    EXPECT_TRUE(make_private_directory(made));
    ::setenv("RUNTIME_DIRECTORY", made.c_str(), 1);
    return made;
  }
  void prepare() {
    const auto prepared = prepare_run_directory(paths_);
    ASSERT_TRUE(prepared) << prepared.error().message;
  }

  TemporaryDirectory directory_;
  StatePaths paths_{directory_.path() / "state"};
};

TEST_F(RunDirectory, IsOfTheStateWithoutAServiceManager) {
  prepare();
  EXPECT_FALSE(fs::is_symlink(paths_.run));
  EXPECT_EQ(mode_of(paths_.run), 0700U);
  ASSERT_TRUE(write_file_atomically(paths_.ports, "old"));
  prepare();
  EXPECT_FALSE(is_there(paths_.ports));
}

TEST_F(RunDirectory, IsTheServiceManagersBehindALink) {
  prepare();  // an earlier start without it
  ASSERT_TRUE(write_file_atomically(paths_.ports, "old"));
  ASSERT_TRUE(write_file_atomically(paths_.control, "old"));
  const fs::path given = give("given");
  prepare();
  EXPECT_EQ(fs::read_symlink(paths_.run), given);
  ASSERT_TRUE(write_file_atomically(paths_.ports, "new"));
  EXPECT_TRUE(is_there(given / "ports.json"));
  // It was removed with the service and comes again, or another one does.
  fs::remove_all(given);
  fs::create_directory(given);
  prepare();
  const fs::path other = give("other");
  prepare();
  EXPECT_EQ(fs::read_symlink(paths_.run), other);
  // Back to a start by hand, with nothing behind the link.
  fs::remove_all(other);
  ::unsetenv("RUNTIME_DIRECTORY");
  prepare();
  EXPECT_FALSE(fs::is_symlink(paths_.run));
  EXPECT_TRUE(fs::is_directory(paths_.run));
}

TEST_F(RunDirectory, OfSeveralTheFirstIsUsed) {
  const fs::path given = give("first");
  ::setenv("RUNTIME_DIRECTORY", (given.string() + ":/nowhere").c_str(), 1);
  prepare();
  EXPECT_EQ(fs::read_symlink(paths_.run), given);
}

TEST_F(RunDirectory, IsRefusedWhenItCannotBeTrusted) {
  const fs::path given = give("given");
  fs::permissions(given, fs::perms::all);
  EXPECT_THAT(prepare_run_directory(paths_).error().message, HasSubstr("others may write there"));
  ::setenv("RUNTIME_DIRECTORY", "relative", 1);
  EXPECT_THAT(prepare_run_directory(paths_).error().message, HasSubstr("absolute path"));
  ::setenv("RUNTIME_DIRECTORY", "/nowhere/at/all", 1);
  EXPECT_EQ(prepare_run_directory(paths_).error().code, dxl::ErrorCode::kStorage);
}

TEST_F(RunDirectory, ServesOneStateAtATime) {
  give("shared");
  const auto first = prepare_run_directory(paths_);
  ASSERT_TRUE(first);
  const StatePaths second(directory_.path() / "second");
  fs::create_directories(second.root);
  EXPECT_EQ(prepare_run_directory(second).error().code, dxl::ErrorCode::kInUse);
}

TEST_F(RunDirectory, LeavesAForeignFileAlone) {
  prepare();
  ASSERT_TRUE(write_file_atomically(paths_.run / "precious", "text"));
  give("given");
  EXPECT_EQ(prepare_run_directory(paths_).error().code, dxl::ErrorCode::kStorage);
  EXPECT_TRUE(is_there(paths_.run / "precious"));
}

}  // namespace
}  // namespace tiara::broker
