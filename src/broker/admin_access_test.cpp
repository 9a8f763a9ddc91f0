#include "broker/admin_access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using Verdict = AdminAccess::Verdict;

constexpr const char* kPassword = "correct:horse:battery";  // a colon is fine

std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base::to_base64(user + ":" + password);
}
const std::string kRight = basic("admin", kPassword);
const std::string kWrong = basic("admin", "wrong");

class Access : public testing::Test {
 protected:
  Verdict check(const std::string& authorization, const std::string& address = "192.0.2.1") {
    return access_.check(authorization, address, now_);
  }
  AdminAccess access_{kPassword};
  base::SteadyTime now_ = base::SteadyTime{} + std::chrono::hours(1);
};

TEST_F(Access, TakesTheRightPasswordOnly) {
  EXPECT_EQ(check(kRight), Verdict::kGranted);
  EXPECT_EQ(check("bASIC" + kRight.substr(5)), Verdict::kGranted);
  EXPECT_EQ(check(""), Verdict::kMissing);
  for (const std::string& wrong :
       {basic("admin", ""), basic("root", kPassword), basic("admin", std::string(kPassword) + "x")})
    EXPECT_EQ(check(wrong), Verdict::kWrong) << wrong;
  EXPECT_EQ(access_.check("Bearer " + kRight.substr(6), "192.0.2.2", now_), Verdict::kWrong);
  EXPECT_EQ(access_.check("Basic", "192.0.2.2", now_), Verdict::kWrong);
  EXPECT_EQ(access_.check("Basic !!!", "192.0.2.2", now_), Verdict::kWrong);
}

TEST_F(Access, BrakesAnAddressAndForgivesWithTime) {
  for (int i = 0; i < AdminAccess::kGuessesPerAddress; ++i)
    EXPECT_EQ(check(kWrong), Verdict::kWrong);
  EXPECT_EQ(check(kWrong), Verdict::kTooMany);
  EXPECT_EQ(check(kRight), Verdict::kTooMany);  // a guess that hits learns nothing
  EXPECT_EQ(check(kRight, "192.0.2.2"), Verdict::kGranted);
  now_ += AdminAccess::kForgivenPerAddress;
  EXPECT_EQ(check(kRight), Verdict::kGranted);
  for (int i = 0; i < AdminAccess::kGuessesPerAddress; ++i)
    EXPECT_EQ(check(kWrong), Verdict::kWrong);
}

TEST_F(Access, MissingPasswordsAreNoGuesses) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(check(""), Verdict::kMissing);
  EXPECT_EQ(check(kRight), Verdict::kGranted);
}

TEST_F(Access, AddressesOfOneNetworkCountAsOne) {
  for (int i = 0; i < AdminAccess::kGuessesPerAddress; ++i)
    EXPECT_EQ(check(kWrong, "2001:db8:1:2::" + std::to_string(i + 1)), Verdict::kWrong);
  EXPECT_EQ(check(kRight, "2001:db8:1:2:ffff::1"), Verdict::kTooMany);
  EXPECT_EQ(check(kRight, "2001:db8:1:3::1"), Verdict::kGranted);
}

TEST_F(Access, BrakesAllTogetherButNotTheMachineItself) {
  for (int i = 0; i < AdminAccess::kGuessesOfAll; ++i)
    EXPECT_EQ(check(kWrong, "192.0.2." + std::to_string(i)), Verdict::kWrong);
  EXPECT_EQ(check(kRight, "198.51.100.1"), Verdict::kTooMany);
  EXPECT_EQ(check(kRight, "127.0.0.1"), Verdict::kGranted);
  EXPECT_EQ(check(kRight, "::1"), Verdict::kGranted);
  now_ += AdminAccess::kForgivenOfAll;
  EXPECT_EQ(check(kRight, "198.51.100.1"), Verdict::kGranted);
}

TEST(AdminPassword, IsMadeOnceForItsOwnerOnly) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "admin.token";
  const auto made = create_or_read_admin_password(file);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), 48u);
  EXPECT_EQ(mode_of(file), 0600u);
  EXPECT_EQ(*read_file(file), *made + "\n");
  EXPECT_EQ(create_or_read_admin_password(file).value_or(""), *made);
  const TemporaryDirectory other;
  EXPECT_NE(create_or_read_admin_password(other.path() / "admin.token").value_or(""), *made);
}

TEST(AdminPassword, RefusesAFileThatProtectsNothing) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "admin.token";
  const auto refusal = [&file] {
    const auto read = create_or_read_admin_password(file);
    return read ? "accepted" : read.error().message;
  };
  for (const char* text : {"", "\n", "short\n", "two lines of text\nare not one\n",
                           "not ASCII: \xc3\xbc 1234567890"}) {
    ASSERT_TRUE(write_file_atomically(file, text));
    EXPECT_THAT(refusal(), HasSubstr("expected one line of 16 to 1024")) << text;
  }
  ASSERT_TRUE(write_file_atomically(file, "my own long password\n"));
  EXPECT_EQ(refusal(), "accepted");
  ASSERT_TRUE(write_file_atomically(file, "my own long password\n", 0640));
  EXPECT_THAT(refusal(), HasSubstr("expected mode 0600"));
}

}  // namespace
}  // namespace tiara::broker
