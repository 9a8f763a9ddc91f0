#include "broker/authority.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/keystore.hpp"
#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kId = "5a2d1c1e-0000-4000-8000-000000000001";
constexpr std::int64_t kSerial = 1'700'000'000;

class AuthorityTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    original_ = std::make_unique<TemporaryDirectory>();
    const auto keystore = Keystore::create_or_open(original_->path() / "keystore", kId);
    ASSERT_TRUE(keystore) << keystore.error().message;
  }
  static void TearDownTestSuite() { original_.reset(); }
  void SetUp() override {
    fs::copy(original_->path() / "keystore", path, fs::copy_options::recursive);
  }
  std::string text(const char* name) const { return *read_file(path / name); }
  std::vector<std::string> roles() const {
    const auto held = list_certificates(path);
    EXPECT_TRUE(held) << held.error().message;
    std::vector<std::string> names;
    if (held)
      for (const HeldCertificate& each : *held) names.push_back(each.role);
    return names;
  }
  IssuedCertificate client() const {
    const auto issued = Keystore::open(path)->issue_client("client");
    EXPECT_TRUE(issued) << issued.error().message;
    return *issued;
  }
  bool verifies(const std::string& pem, const std::string& bundle) const {
    return check_chain(pem, bundle).has_value();
  }

  static inline std::unique_ptr<TemporaryDirectory> original_;
  TemporaryDirectory directory_;
  const fs::path path = directory_.path() / "keystore";
};

TEST_F(AuthorityTest, AWholeKeystorePasses) {
  const auto checked = check_keystore(path);
  EXPECT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(roles(), (std::vector<std::string>{"client CA", "broker CA", "broker"}));
  fs::remove(path / "ca-client.key");  // kept elsewhere
  EXPECT_TRUE(check_keystore(path));
}

TEST_F(AuthorityTest, DamageIsFoundAtOnceAndNamed) {
  const std::string other =
      issue_certificate({"other", CertificateKind::kRootCa, std::chrono::hours(24)}, nullptr)
          ->private_key_pem;
  const struct {
    const char* file;
    std::string content;
    const char* words;
  } kCases[] = {{"ca-client.key", other, "the key does not belong to the certificate"},
                {"ca-broker.key", other, "the key does not belong to the certificate"},
                {"broker.key", other, "the key does not belong to the certificate"},
                {"broker.key", "nonsense", "no private key in PEM form"},
                {"ca-client.crt", "", "no certificate in PEM form"},
                {"ca-broker.crt", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                 "no certificate in PEM form"}};
  for (const auto& c : kCases) {
    const std::string good = text(c.file);
    ASSERT_TRUE(write_file_atomically(path / c.file, c.content));
    const auto checked = check_keystore(path);
    ASSERT_TRUE(write_file_atomically(path / c.file, good));
    ASSERT_FALSE(checked) << c.file;
    EXPECT_EQ(checked.error().code, dxl::ErrorCode::kStorage);
    EXPECT_THAT(checked.error().message,
                testing::AllOf(StartsWith((path / c.file).string() + ": "), HasSubstr(c.words)));
  }
}

TEST_F(AuthorityTest, ABrokerCertificateOfAnotherFabricIsFound) {
  const fs::path other = directory_.path() / "other";
  ASSERT_TRUE(Keystore::create_or_open(other, "other"));
  for (const char* name : {"broker.crt", "broker.key"})
    fs::copy(other / name, path / name, fs::copy_options::overwrite_existing);
  const auto checked = check_keystore(path);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message,
              HasSubstr("CN=TiaraBroker-other does not lead to a CA of ours"));
}

TEST_F(AuthorityTest, RenewingTheBrokerKeepsTheCas) {
  const std::string cas = text("ca-client.crt") + text("ca-broker.crt"), old = text("broker.crt");
  ASSERT_TRUE(renew_broker(path, kId));
  EXPECT_NE(text("broker.crt"), old);
  EXPECT_EQ(text("ca-client.crt") + text("ca-broker.crt"), cas);
  EXPECT_TRUE(check_keystore(path));
}

TEST_F(AuthorityTest, OldAndNewGoTogetherDuringARotation) {
  const std::string old_bundle = text("ca-broker.crt"), old_root = text("ca-client.crt");
  const IssuedCertificate old_client = client();
  ASSERT_TRUE(begin_rotation(path, kId, kSerial));
  EXPECT_TRUE(is_rotating(path));
  EXPECT_TRUE(check_keystore(path));
  EXPECT_EQ(roles(), (std::vector<std::string>{"client CA", "broker CA", "broker", "old client CA",
                                               "old broker CA"}));
  const IssuedCertificate new_client = client();
  // The listener takes both clients, and both know the broker.
  EXPECT_TRUE(verifies(old_client.certificate_pem, text("ca-client.crt")));
  EXPECT_TRUE(verifies(new_client.certificate_pem, text("ca-client.crt")));
  EXPECT_FALSE(verifies(new_client.certificate_pem, old_root));
  EXPECT_TRUE(verifies(text("broker.crt"), old_bundle));
  EXPECT_TRUE(verifies(text("broker.crt"), text("ca-broker.crt")));
  // What is refused meanwhile says what to do.
  for (const auto& refused : {begin_rotation(path, kId, kSerial + 1), renew_broker(path, kId)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message,
                HasSubstr("`tiara cert-authority rotate --finish` ends it"));
  }
}

TEST_F(AuthorityTest, AFinishedRotationHasDroppedTheOld) {
  const auto old = list_certificates(path);
  ASSERT_TRUE(old);
  const IssuedCertificate old_client = client();
  ASSERT_TRUE(begin_rotation(path, kId, kSerial));
  const IssuedCertificate new_client = client();
  const std::string both = text("ca-broker.crt");  // what the new client was given
  std::vector<CertificateFacts> dropped;
  const auto revoke = [&](const std::vector<CertificateFacts>& facts) {
    dropped = facts;
    EXPECT_TRUE(is_rotating(path));  // killed here, it can be done again
    return dxl::Result<void>();
  };
  const auto finished = finish_rotation(path, kId, {}, revoke);
  ASSERT_TRUE(finished) << finished.error().message;
  ASSERT_EQ(dropped.size(), 2U);
  EXPECT_EQ(dropped.front().thumbprints, old->front().facts.thumbprints);
  EXPECT_FALSE(is_rotating(path));
  EXPECT_TRUE(check_keystore(path));
  EXPECT_EQ(roles(), (std::vector<std::string>{"client CA", "broker CA", "broker"}));
  EXPECT_FALSE(verifies(old_client.certificate_pem, text("ca-client.crt")));
  EXPECT_TRUE(verifies(new_client.certificate_pem, text("ca-client.crt")));
  EXPECT_TRUE(verifies(text("broker.crt"), both));
  EXPECT_EQ(finish_rotation(path, kId, {}, revoke).error().message, "no rotation is under way");
  for (const auto& entry : fs::directory_iterator(path)) EXPECT_EQ(mode_of(entry), 0600U) << entry;
}

TEST_F(AuthorityTest, NothingIsDroppedThatCannotBeRevoked) {
  ASSERT_TRUE(begin_rotation(path, kId, kSerial));
  const std::string before = text("ca-client.crt") + text("ca-broker.crt") + text("broker.crt");
  const auto finished = finish_rotation(path, kId, {}, [](const auto&) -> dxl::Result<void> {
    return dxl::fail(dxl::ErrorCode::kStorage, "full");
  });
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().message, "full");
  EXPECT_TRUE(is_rotating(path));
  EXPECT_EQ(text("ca-client.crt") + text("ca-broker.crt") + text("broker.crt"), before);
  EXPECT_FALSE(fs::exists(path / ".next.tmp"));
}

}  // namespace
}  // namespace tiara::broker
