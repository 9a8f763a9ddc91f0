#include "broker/credential_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "broker/keystore.hpp"
#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CredentialFiles : public testing::Test {
 protected:
  CredentialFiles() {
    std::filesystem::create_directories(handed_over_);
    ::setenv("CREDENTIALS_DIRECTORY", handed_over_.c_str(), 1);
  }
  ~CredentialFiles() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
  std::filesystem::path put(std::string_view name, const std::string& text, unsigned mode = 0400) {
    EXPECT_TRUE(write_file_atomically(handed_over_ / name, text, mode));
    return handed_over_ / name;
  }

  TemporaryDirectory directory_;
  const std::filesystem::path handed_over_ = directory_.path() / "credentials",
                              keystore_ = directory_.path() / "keystore";
};

TEST_F(CredentialFiles, AreNoneWithoutTheVariable) {
  put("admin.token", "secret");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(find_credential("admin.token"), std::nullopt);
  ::setenv("CREDENTIALS_DIRECTORY", "relative", 1);
  EXPECT_EQ(find_credential("admin.token"), std::nullopt);
  EXPECT_THAT(check_credentials().value(), IsEmpty());
}

TEST_F(CredentialFiles, AreFoundByTheirNamesAlone) {
  EXPECT_THAT(check_credentials().value(), IsEmpty());
  put("admin.token", "secret");
  put("broker.key", "secret", 0440);  // as an access list is shown
  put("another", "secret", 0644);
  EXPECT_THAT(check_credentials().value(), ElementsAre("admin.token", "broker.key"));
  EXPECT_EQ(find_credential("admin.token"), handed_over_ / "admin.token");
}

TEST_F(CredentialFiles, ThatOthersMayReadOrAreNoFileOrEmptyAreNamed) {
  for (const unsigned mode : {0444U, 0644U, 0460U, 0404U}) {
    const auto file = put("admin.token", "secret", mode);
    const auto checked = check_credentials();
    ASSERT_FALSE(checked) << mode;
    EXPECT_EQ(checked.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_THAT(checked.error().message, HasSubstr(file.string() + ": others may read"));
  }
  put("admin.token", "");
  EXPECT_THAT(check_credentials().error().message, HasSubstr("is empty"));
  std::filesystem::remove(handed_over_ / "admin.token");
  std::filesystem::create_directory(handed_over_ / "admin.token");
  EXPECT_THAT(check_credentials().error().message, HasSubstr("not a file"));
}

TEST_F(CredentialFiles, AKeyOfTheKeystoreComesFirst) {
  const auto handed_over = put("broker.key", "handed over");
  EXPECT_EQ(find_key(keystore_, "broker.key"), handed_over);
  EXPECT_EQ(find_key(keystore_, "ca-client.key"), keystore_ / "ca-client.key");
  ASSERT_TRUE(make_private_directory(keystore_));
  ASSERT_TRUE(write_file_atomically(keystore_ / "broker.key", "own"));
  EXPECT_EQ(find_key(keystore_, "broker.key"), keystore_ / "broker.key");
}

TEST_F(CredentialFiles, ServeAKeystoreWithoutKeys) {
  ASSERT_TRUE(Keystore::create_or_open(keystore_, "broker"));
  for (const char* name : {"ca-client.key", "ca-broker.key", "broker.key"})
    std::filesystem::rename(keystore_ / name, handed_over_ / name);
  const auto opened = Keystore::create_or_open(keystore_, "broker");
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->broker_key(), handed_over_ / "broker.key");
  EXPECT_TRUE(opened->issue_client("peer"));
  std::filesystem::remove(handed_over_ / "ca-client.key");
  EXPECT_FALSE(opened->issue_client("peer"));
}

}  // namespace
}  // namespace tiara::broker
