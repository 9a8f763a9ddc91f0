#include "tiara/client_directory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "broker/policy_file.hpp"
#include "broker/testing_directory.hpp"
#include "dxl/client_config.hpp"
#include "fabric/authorization.hpp"

namespace tiara::app {
namespace {

constexpr const char* kId = "5a2d1c1e-0000-4000-8000-000000000001";
const std::string kExternal(fabric::kGroupSetExternal);

class ClientDirectory : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<broker::TemporaryDirectory>();
    auto keystore = broker::Keystore::create_or_open(directory_->path() / "keystore", kId);
    ASSERT_TRUE(keystore) << keystore.error().message;
    keystore_ = std::make_unique<broker::Keystore>(*keystore);
  }
  static void TearDownTestSuite() {
    keystore_.reset();
    directory_.reset();
  }
  void SetUp() override {
    ASSERT_TRUE(broker::write_file_atomically(paths_.policy, broker::initial_policy_text()));
    std::filesystem::remove_all(client_);
  }
  dxl::Result<void> write(const std::string& name, const std::vector<std::string>& groups,
                          bool replace) {
    return write_client(client_, paths_, *keystore_, name, groups, {kId, 8883, 0, ""}, replace);
  }

  static inline std::unique_ptr<broker::TemporaryDirectory> directory_;
  static inline std::unique_ptr<broker::Keystore> keystore_;
  const broker::StatePaths paths_{directory_->path()};
  const std::filesystem::path client_ = directory_->path() / "clients" / "scanner";
};

TEST_F(ClientDirectory, HoldsWhatADxlClientLoads) {
  ASSERT_TRUE(write("scanner", {kExternal}, false));
  const auto config = dxl::ClientConfig::load(client_ / "dxlclient.config");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->warnings, std::vector<std::string>{});
  EXPECT_EQ(config->brokers,
            (std::vector<dxl::BrokerAddress>{
                {{std::string("{") + kId + "}"}, "localhost", 8883, "127.0.0.1"}}));
  EXPECT_TRUE(config->websocket_brokers.empty());
  EXPECT_EQ(*broker::read_file(config->broker_cert_chain),
            *broker::read_file(keystore_->broker_ca_bundle()));
  for (const auto& entry : std::filesystem::directory_iterator(client_))
    EXPECT_EQ(broker::mode_of(entry.path()), 0600u) << entry.path();
  EXPECT_EQ(broker::mode_of(client_), 0700u);

  const auto policy = broker::load_policy(paths_.policy);
  const auto certificate = broker::read_certificate(config->cert_file);
  ASSERT_TRUE(policy && certificate);
  EXPECT_EQ(certificate->subject, "CN=scanner");
  ASSERT_EQ(policy->members.size(), 1u);
  EXPECT_EQ(policy->members[0].certificate, certificate->thumbprints);
  EXPECT_EQ(policy->members[0].groups, std::vector{kExternal});
}

TEST_F(ClientDirectory, IsReplacedOnlyOnRequestAndTheOldCertificateLosesItsGroups) {
  ASSERT_TRUE(write("first", {kExternal}, false));
  const auto refused = write("second", {}, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, dxl::ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().message, client_.string() + ": holds a client; --force replaces it");
  EXPECT_EQ(broker::read_certificate(client_ / "client.crt")->subject, "CN=first");

  ASSERT_TRUE(write("second", {}, true));
  const auto policy = broker::load_policy(paths_.policy);
  ASSERT_TRUE(policy);
  ASSERT_EQ(policy->members.size(), 1u);
  EXPECT_EQ(policy->members[0].name, "second");
  EXPECT_EQ(policy->members[0].certificate,
            broker::read_certificate(client_ / "client.crt")->thumbprints);
}

TEST_F(ClientDirectory, NothingIsWrittenWhenThePolicyIsDamaged) {
  ASSERT_TRUE(broker::write_file_atomically(paths_.policy, "[[member]\n"));
  const auto written = write("scanner", {kExternal}, false);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_FALSE(std::filesystem::exists(client_));
}

TEST_F(ClientDirectory, NothingIsLeftOfAClientWhenTheDiskIsFull) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{1000, old.rlim_max};  // less than a key
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = write("scanner", {kExternal}, false);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, dxl::ErrorCode::kStorage);
  EXPECT_FALSE(std::filesystem::exists(client_));
  EXPECT_TRUE(broker::load_policy(paths_.policy)->members.empty());
}

TEST(ClientConfigText, CanNameAnotherHost) {
  EXPECT_EQ(client_config_text({kId, 1234, 8443, "broker.example.com"}),
            "[General]\n#UseWebSockets = False\n\n"
            "[Certs]\nBrokerCertChain = brokercerts.crt\nCertFile = client.crt\n"
            "PrivateKey = client.key\n\n"
            "[Brokers]\n{5a2d1c1e-0000-4000-8000-000000000001} = "
            "{5a2d1c1e-0000-4000-8000-000000000001};1234;broker.example.com\n\n"
            "[BrokersWebSockets]\n{5a2d1c1e-0000-4000-8000-000000000001} = "
            "{5a2d1c1e-0000-4000-8000-000000000001};8443;broker.example.com\n");
}

}  // namespace
}  // namespace tiara::app
