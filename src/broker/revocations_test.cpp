#include "broker/revocations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

const std::string kFirst(40, 'a'), kSecond(64, 'b');

class RevocationsFile : public testing::Test {
 protected:
  std::shared_ptr<Revocations> open() {
    auto opened = Revocations::open(file, directory.path() / "lock");
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *opened : nullptr;
  }
  std::string text() { return *read_file(file); }

  TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "revokedcerts.lst";
};

TEST_F(RevocationsFile, AMissingFileIsAnEmptyList) {
  EXPECT_EQ(open()->list().size(), 0U);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(RevocationsFile, ABrokenLineIsAnErrorAtStartAndKeepsTheOldListLater) {
  ASSERT_TRUE(write_file_atomically(file, kFirst + "\n"));
  const auto revocations = open();
  ASSERT_TRUE(write_file_atomically(file, kSecond + "\nnonsense\n"));
  const auto reloaded = revocations->reload({});
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(reloaded.error().message, testing::StartsWith(file.string() + ":2: expected"));
  EXPECT_TRUE(revocations->is_revoked({kFirst, "", ""}));
  EXPECT_FALSE(revocations->is_revoked({"", kSecond, ""}));
  EXPECT_FALSE(Revocations::open(file, directory.path() / "lock"));
}

TEST_F(RevocationsFile, WhatIsAddedIsAppendedBehindWhatIsThere) {
  ASSERT_TRUE(write_file_atomically(file, "# mine\n" + kFirst));  // without a newline
  {
    const auto revocations = open();
    revocations->add({kSecond, kFirst, kSecond});
  }
  EXPECT_EQ(text(), "# mine\n" + kFirst + "\n" + kSecond + "\n");
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(open()->list().size(), 2U);
}

TEST_F(RevocationsFile, WhatCannotBeSavedHoldsAndIsSavedLater) {
  std::filesystem::create_directories(file.string() + "/in-the-way");
  auto opened = Revocations::open(directory.path() / "other", directory.path() / "lock");
  ASSERT_TRUE(opened);
  // A directory in the file's place: every write fails.
  std::filesystem::create_directories(directory.path() / "other" / "x");
  (*opened)->add({kFirst});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!(*opened)->is_revoked({kFirst, "", ""}) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_TRUE((*opened)->is_revoked({kFirst, "", ""}));
  std::filesystem::remove_all(directory.path() / "other");
  opened->reset();
  EXPECT_THAT(*read_file(directory.path() / "other"), testing::HasSubstr(kFirst));
}

TEST_F(RevocationsFile, TheListenerHearsEveryListUntilItIsTakenAway) {
  const auto revocations = open();
  std::vector<std::size_t> sizes;
  revocations->set_listener(
      [&](const fabric::RevocationList& list) { sizes.push_back(list.size()); });
  ASSERT_TRUE(write_file_atomically(file, kFirst + "\n"));
  ASSERT_TRUE(revocations->reload({}));
  ASSERT_TRUE(write_file_atomically(file, ""));
  ASSERT_TRUE(revocations->reload({"serial"}));
  EXPECT_TRUE(revocations->is_revoked({"", "", "", "serial"}));
  revocations->set_listener(nullptr);
  ASSERT_TRUE(revocations->reload({}));
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 0}));
}

}  // namespace
}  // namespace tiara::broker
