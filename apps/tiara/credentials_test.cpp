#include "tiara/credentials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/testing_directory.hpp"

namespace tiara::app {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

const auto kNow = std::chrono::system_clock::from_time_t(1'700'000'000);  // 2023-11-14 22:13 UTC

TEST(Expiry, IsWarnedOfThirtyDaysAhead) {
  const Expiry broker{"broker certificate CN=b", kNow + hours(24 * 30)};
  EXPECT_EQ(days_left(broker, kNow), 30);
  EXPECT_EQ(expiry_warning(broker, kNow - hours(1)), "");
  EXPECT_EQ(expiry_warning(broker, kNow),
            "broker certificate CN=b expires in 30 days, on 2023-12-14; see `tiara cert-authority "
            "--help`");
  EXPECT_EQ(days_left(broker, kNow + hours(24 * 30 + 1)), -1);
  EXPECT_EQ(expiry_warning(broker, kNow + hours(24 * 30)),
            "broker certificate CN=b has expired on 2023-12-14; see `tiara cert-authority --help`");
}

TEST(Expiry, OfACrlAsksForANewOne) {
  EXPECT_EQ(expiry_warning({"CRL a.crl of CN=c", kNow + hours(36)}, kNow),
            "CRL a.crl of CN=c expires in 1 days, on 2023-11-16; put a new one there");
  EXPECT_EQ(expiry_warning({"CRL a.crl of CN=c", kNow}, kNow),
            "CRL a.crl of CN=c has expired on 2023-11-14: nobody of that CA gets in; put a new one "
            "there");
}

class CredentialsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<broker::TemporaryDirectory>();
    auto state = create_or_open_state(broker::StatePaths(directory_->path()));
    ASSERT_TRUE(state) << state.error().message;
    state_ = std::make_unique<State>(*std::move(state));
  }
  static void TearDownTestSuite() {
    state_.reset();
    directory_.reset();
  }
  static std::shared_ptr<broker::Revocations> revocations() {
    return *broker::Revocations::open(state_->paths.revocations, state_->paths.keystore_lock);
  }

  static inline std::unique_ptr<broker::TemporaryDirectory> directory_;
  static inline std::unique_ptr<State> state_;
};

TEST_F(CredentialsTest, EverythingThatExpiresIsListedSoonestFirst) {
  ASSERT_TRUE(service_chain(*state_));
  const auto tls = load_tls(*state_, revocations());
  ASSERT_TRUE(tls) << tls.error().message;
  const std::vector<Expiry> found = find_expiries(*state_, *tls->fabric);
  ASSERT_EQ(found.size(), 4U);
  std::vector<std::string> names;
  for (const Expiry& each : found) names.push_back(each.what.substr(0, each.what.find(" CN=")));
  EXPECT_THAT(names, testing::UnorderedElementsAre("client CA", "broker CA", "broker certificate",
                                                   "service certificate"));
  EXPECT_LE(found.front().when, found.back().when);
}

TEST_F(CredentialsTest, ABrokenCrlIsNamed) {
  const auto file = state_->paths.keystore / "a.crl";
  ASSERT_TRUE(broker::write_file_atomically(file, "nonsense"));
  const auto tls = load_tls(*state_, revocations());
  std::filesystem::remove(file);
  ASSERT_FALSE(tls);
  EXPECT_THAT(tls.error().message, HasSubstr(file.string() + ": expected 1 to 16 CRLs"));
}

TEST_F(CredentialsTest, CrlFilesAreFoundByNameAndLimited) {
  std::vector<std::filesystem::path> made;
  for (std::size_t i = 0; i <= kMaxCrlFiles; ++i) {
    made.push_back(state_->paths.keystore / fmt::format("{:03}.crl", i));
    ASSERT_TRUE(broker::write_file_atomically(made.back(), ""));
  }
  const auto too_many = find_crls(state_->paths);
  std::filesystem::remove(made.back());
  made.pop_back();
  const auto found = find_crls(state_->paths);
  for (const auto& file : made) std::filesystem::remove(file);
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, dxl::ErrorCode::kLimitExceeded);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, made);
}

}  // namespace
}  // namespace tiara::app
