#include "broker/file_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;

class FileSetTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c"})
      ASSERT_TRUE(write_file_atomically(directory.path() / name, std::string("old ") + name));
  }
  std::map<std::string, std::string> content() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::directory_iterator(directory.path()))
      all[entry.path().filename()] =
          entry.is_directory() ? "(directory)" : *read_file(entry.path());
    return all;
  }

  TemporaryDirectory directory;
  const FileSet change{{"a", "new a"}, {"b", std::nullopt}, {"d", "new d"}};
  const std::map<std::string, std::string> before{{"a", "old a"}, {"b", "old b"}, {"c", "old c"}};
  const std::map<std::string, std::string> after{{"a", "new a"}, {"c", "old c"}, {"d", "new d"}};
};

TEST_F(FileSetTest, ReplacesAddsAndRemoves) {
  ASSERT_TRUE(replace_files(directory.path(), change));
  EXPECT_EQ(content(), after);
  EXPECT_EQ(mode_of(directory.path() / "a"), 0600U);
}

// The program is killed after every possible step: staging leaves the old files, and whatever comes
// after the commit ends with the new ones.
TEST_F(FileSetTest, IsWholeWhereverItIsInterrupted) {
  ASSERT_TRUE(stage_files(directory.path(), change));
  ASSERT_TRUE(finish_files(directory.path()));  // as at a start
  discard_files(directory.path());
  EXPECT_EQ(content(), before);

  for (std::size_t steps = 0; steps <= change.size(); ++steps) {
    SetUp();
    fs::remove(directory.path() / "d");
    ASSERT_TRUE(stage_files(directory.path(), change));
    fs::rename(directory.path() / ".next.tmp", directory.path() / ".next");
    std::size_t done = 0;
    for (const char* name : {"a", "b.remove", "d"}) {
      if (done++ == steps) break;
      const fs::path entry = directory.path() / ".next" / name;
      if (entry.extension() == ".remove") {
        fs::remove(directory.path() / "b");
        fs::remove(entry);
      } else {
        fs::rename(entry, directory.path() / name);
      }
    }
    ASSERT_TRUE(finish_files(directory.path()));
    EXPECT_EQ(content(), after) << "after " << steps << " steps";
  }
}

TEST_F(FileSetTest, KeepsTheModesOfThoseItReplacesWhenAsked) {
  fs::permissions(directory.path() / "a", fs::perms(0644));
  ASSERT_TRUE(stage_files(directory.path(), change));
  keep_modes(directory.path());
  ASSERT_TRUE(commit_files(directory.path()));
  EXPECT_EQ(content(), after);
  EXPECT_EQ(mode_of(directory.path() / "a"), 0644U);
  EXPECT_EQ(mode_of(directory.path() / "d"), 0600U);
}

TEST_F(FileSetTest, AFullDiskChangesNothing) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{1000, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto done =
      replace_files(directory.path(), {{"a", "small"}, {"z", std::string(5000, 'z')}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, dxl::ErrorCode::kStorage);
  EXPECT_EQ(content(), before);
}

}  // namespace
}  // namespace tiara::broker
