#include "broker/rotation_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/authority.hpp"
#include "broker/keystore.hpp"
#include "broker/policy_file.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kId = "5a2d1c1e-0000-4000-8000-000000000001";

class RotationPolicy : public testing::Test {
 protected:
  // RSA keys take long to make.
  static void SetUpTestSuite() {
    original_ = std::make_unique<TemporaryDirectory>();
    ASSERT_TRUE(Keystore::create_or_open(original_->path() / "keystore", kId));
  }
  static void TearDownTestSuite() { original_.reset(); }
  void SetUp() override {
    std::filesystem::copy(original_->path() / "keystore", paths.keystore,
                          std::filesystem::copy_options::recursive);
    old = thumbprint_of("ca-client.crt");
    ASSERT_TRUE(write_file_atomically(paths.policy, rule_for(old.sha256)));
  }
  fabric::Thumbprints thumbprint_of(const char* file) const {
    return read_certificate(paths.keystore / file)->thumbprints;
  }
  static std::string rule_for(const std::string& thumbprints) {
    return "[[topic]]\ndirection = \"send\"\ntopic = \"/t\"\ncertificates = [\"" + thumbprints +
           "\"]\n";
  }
  void begin() { ASSERT_TRUE(begin_rotation(paths.keystore, kId, 1'700'000'000)); }
  void finish() {
    ASSERT_TRUE(
        finish_rotation(paths.keystore, kId, {}, [](const auto&) { return dxl::Result<void>(); }));
  }
  std::vector<std::string> settle() const {
    const auto settled = settle_policy(paths);
    EXPECT_TRUE(settled) << settled.error().message;
    return settled ? *settled : std::vector<std::string>();
  }
  std::string policy() const { return *read_file(paths.policy); }

  static inline std::unique_ptr<TemporaryDirectory> original_;
  TemporaryDirectory directory_;
  const StatePaths paths{directory_.path()};
  fabric::Thumbprints old;
};

TEST_F(RotationPolicy, EachStepTellsThePolicyOnce) {
  EXPECT_THAT(settle(), IsEmpty());
  begin();
  EXPECT_EQ(policy(), rule_for(old.sha256));
  EXPECT_THAT(settle(), ElementsAre("send /t"));
  const auto now = thumbprint_of("ca-client.crt");
  EXPECT_EQ(policy(), rule_for(old.sha256 + "\", \"" + now.sha256));
  EXPECT_TRUE(check_policy_names_new_cas(paths));
  // What somebody takes out meanwhile does not come back.
  ASSERT_TRUE(write_file_atomically(paths.policy, rule_for(old.sha256)));
  EXPECT_THAT(settle(), IsEmpty());
  EXPECT_EQ(policy(), rule_for(old.sha256));
  ASSERT_TRUE(write_file_atomically(paths.policy, rule_for(old.sha256 + "\", \"" + now.sha256)));
  finish();
  EXPECT_THAT(settle(), IsEmpty());
  EXPECT_EQ(policy(), rule_for(now.sha256));
  for (const char* note : {kPolicyToAdd, kPolicyToRetire})
    EXPECT_FALSE(is_there(paths.keystore / note));
}

TEST_F(RotationPolicy, TheEndIsRefusedWhileAFileNamesTheOldCaOnly) {
  begin();
  settle();
  const auto now = thumbprint_of("ca-client.crt");
  const auto original = [&](const std::string& clients) {
    ASSERT_TRUE(write_file_atomically(
        paths.topicauth, "{\"send\": [{\"topic\": \"/o\", \"clients\": [\"" + clients + "\"]}]}"));
  };
  original(old.sha1);
  const auto refused = check_policy_names_new_cas(paths);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_THAT(refused.error().message,
              testing::AllOf(HasSubstr(paths.topicauth.string() + ": names the old CA " + old.sha1),
                             HasSubstr("send /o; write " + now.sha1 + " beside it")));
  original(old.sha1 + "\", \"" + now.sha1);
  EXPECT_TRUE(check_policy_names_new_cas(paths));
  ASSERT_TRUE(write_file_atomically(paths.policy, rule_for(old.sha1)));
  EXPECT_THAT(check_policy_names_new_cas(paths).error().message,
              HasSubstr(paths.policy.string() + ": names the old CA"));
}

TEST_F(RotationPolicy, ItIsNotBegunWhenThePolicyCannotBeEdited) {
  EXPECT_TRUE(check_policy_editable(paths));
  ASSERT_TRUE(write_file_atomically(paths.policy,
                                    "member = [{sha1 = \"" + old.sha1 + "\", groups = []}]\n"));
  const auto refused = check_policy_editable(paths);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot edit this file"));
}

TEST_F(RotationPolicy, ADamagedNoteIsNamed) {
  ASSERT_TRUE(write_file_atomically(paths.keystore / kPolicyToAdd, "nonsense"));
  const auto settled = settle_policy(paths);
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().code, dxl::ErrorCode::kStorage);
  EXPECT_THAT(settled.error().message, HasSubstr("policy-add.crt: damaged"));
}

}  // namespace
}  // namespace tiara::broker
