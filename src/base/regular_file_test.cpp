#include "base/regular_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

namespace tiara::base {
namespace {

class RegularFile : public testing::Test {
 protected:
  RegularFile() {
    std::string name = (std::filesystem::temp_directory_path() / "tiara-test-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~RegularFile() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_;
};

TEST_F(RegularFile, IsReadUpToItsLimit) {
  std::ofstream(directory_ / "file") << "12345";
  EXPECT_EQ(*read_regular_file(directory_ / "file", 5), "12345");
  const auto refused = read_regular_file(directory_ / "file", 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, dxl::ErrorCode::kLimitExceeded);
  EXPECT_EQ(*read_regular_head(directory_ / "file", 3), "123");
  EXPECT_EQ(*read_regular_head(directory_ / "file", 9), "12345");
}

TEST_F(RegularFile, IsReadThroughALink) {
  std::ofstream(directory_ / "file") << "1";
  std::filesystem::create_symlink("file", directory_ / "link");
  EXPECT_EQ(*read_regular_file(directory_ / "link", 5), "1");
}

// Without O_NONBLOCK this test hangs.
TEST_F(RegularFile, IsNoPipeDirectoryOrDevice) {
  const std::string pipe = (directory_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::pair<std::string, std::string> cases[] = {
      {pipe, pipe + ": cannot read: not a regular file"},
      {directory_.string(), directory_.string() + ": cannot read: Is a directory"},
      {"/dev/zero", "/dev/zero: cannot read: not a regular file"},
      {"/nonexistent", "/nonexistent: cannot open: No such file or directory"}};
  for (const auto& [file, message] : cases) {
    const auto refused = read_regular_file(file, 100);
    ASSERT_FALSE(refused) << file;
    EXPECT_EQ(refused.error().message, message);
    EXPECT_EQ(refused.error().code, dxl::ErrorCode::kStorage);
  }
}

}  // namespace
}  // namespace tiara::base
