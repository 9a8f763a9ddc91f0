#include "tiara/state.hpp"

#include <gtest/gtest.h>

#include "broker/policy_file.hpp"
#include "broker/testing_directory.hpp"
#include "dxl/client_config.hpp"
#include "fabric/authorization.hpp"
#include "tiara/store_mark.hpp"

namespace tiara::app {
namespace {

using broker::mode_of;
using broker::StatePaths;

// RSA keys take long to make: the tests share one state and put back what they change.
class StateTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<broker::TemporaryDirectory>();
    paths_ = std::make_unique<StatePaths>(directory_->path() / "state");
    ASSERT_TRUE(broker::make_private_directory(paths_->root));
    const auto state = create_or_open_state(*paths_);
    ASSERT_TRUE(state) << state.error().message;
    const auto admin = refresh_admin_client(*state, 1111, 3333);
    ASSERT_TRUE(admin) << admin.error().message;
  }
  static void TearDownTestSuite() {
    paths_.reset();
    directory_.reset();
  }

  static inline std::unique_ptr<broker::TemporaryDirectory> directory_;
  static inline std::unique_ptr<StatePaths> paths_;
};

TEST_F(StateTest, FirstStartCreatesEverythingForItsOwner) {
  for (const auto& file :
       {paths_->config, paths_->broker_id, paths_->policy,
        paths_->admin_client / "dxlclient.config", paths_->admin_client / "client.key"})
    EXPECT_EQ(mode_of(file), 0600u) << file;
  for (const auto& directory : {paths_->root, paths_->keystore, paths_->admin_client})
    EXPECT_EQ(mode_of(directory), 0700u) << directory;
}

TEST_F(StateTest, ASecondStartChangesNothing) {
  const auto first = open_state(*paths_);
  const auto second = create_or_open_state(*paths_);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->broker_id, second->broker_id);
  EXPECT_EQ(first->settings.port, 8883);
}

TEST_F(StateTest, TheAdminClientIsInEveryGroupAndKnowsThePort) {
  const auto policy = broker::load_policy(paths_->policy);
  const auto certificate = broker::read_certificate(paths_->admin_client / "client.crt");
  ASSERT_TRUE(policy && certificate);
  ASSERT_EQ(policy->members.size(), 1u);
  const fabric::Member& admin = policy->members.front();
  EXPECT_EQ(admin.name, "admin");
  EXPECT_EQ(admin.certificate, certificate->thumbprints);
  EXPECT_EQ(admin.groups.size(), fabric::known_groups().size());

  const auto state = open_state(*paths_);
  ASSERT_TRUE(state && refresh_admin_client(*state, 2222, 4444));
  const auto config = dxl::ClientConfig::load(paths_->admin_client / "dxlclient.config");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->brokers,
            (std::vector<dxl::BrokerAddress>{
                {{"{" + state->broker_id + "}"}, "localhost", 2222, "127.0.0.1"}}));
  EXPECT_EQ(config->websocket_brokers,
            (std::vector<dxl::BrokerAddress>{
                {{"{" + state->broker_id + "}"}, "localhost", 4444, "127.0.0.1"}}));
  EXPECT_EQ(broker::load_policy(paths_->policy)->members.size(), 1u);
}

TEST_F(StateTest, ADeletedAdminClientStaysDeleted) {
  const auto elsewhere = directory_->path() / "elsewhere";
  std::filesystem::rename(paths_->admin_client, elsewhere);
  const auto state = open_state(*paths_);
  ASSERT_TRUE(state && refresh_admin_client(*state, 1111, 3333));
  EXPECT_FALSE(std::filesystem::exists(paths_->admin_client));
  std::filesystem::rename(elsewhere, paths_->admin_client);
}

TEST_F(StateTest, TheServiceKeepsItsCertificate) {
  const auto state = open_state(*paths_);
  ASSERT_TRUE(state);
  std::filesystem::create_directories(paths_->store);  // as the service does next
  const auto first = service_chain(*state);
  const auto second = service_chain(*state);
  ASSERT_TRUE(first && second);
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ(first->front().subject, "CN=TiaraClientCA-" + state->broker_id);
  EXPECT_EQ(first->back().subject, "CN=TiaraService");
  EXPECT_EQ(first->back().sha256, second->back().sha256);
  EXPECT_EQ(mode_of(paths_->service / "service.key"), 0600u);
}

TEST_F(StateTest, AMissingPolicyIsNotMadeAnew) {
  const auto elsewhere = directory_->path() / "policy";
  std::filesystem::rename(paths_->policy, elsewhere);
  EXPECT_TRUE(create_or_open_state(*paths_));
  EXPECT_FALSE(std::filesystem::exists(paths_->policy));
  std::filesystem::rename(elsewhere, paths_->policy);
}

TEST_F(StateTest, WhatAnEarlierStartMadeIsNotMadeAnew) {
  const auto state = create_or_open_state(*paths_);
  ASSERT_TRUE(state);
  ASSERT_TRUE(service_chain(*state));
  std::filesystem::create_directories(paths_->admin_client.parent_path());
  for (const auto& file :
       {paths_->broker_id, paths_->keystore, paths_->keystore / "ca-client.crt"}) {
    const auto elsewhere = directory_->path() / "elsewhere";
    std::filesystem::rename(file, elsewhere);
    const auto refused = create_or_open_state(*paths_);
    std::filesystem::rename(elsewhere, file);
    ASSERT_FALSE(refused) << file;
    EXPECT_EQ(refused.error().code, dxl::ErrorCode::kStorage);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("is missing; restore it"));
  }
  EXPECT_TRUE(create_or_open_state(*paths_));
}

TEST_F(StateTest, AStoreThatWasThereIsNotMadeAnew) {
  ASSERT_TRUE(mark_store(store_mark(paths_->root), "abcd"));
  const auto refused = create_or_open_state(*paths_);
  std::filesystem::remove(store_mark(paths_->root));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr(paths_->store.string() + ": the store"));
  EXPECT_TRUE(create_or_open_state(*paths_));
}

TEST_F(StateTest, MissingSettingsAreTheDefaults) {
  std::filesystem::remove(paths_->config);
  const auto state = open_state(*paths_);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->settings.port, 8883);
  ASSERT_TRUE(create_or_open_state(*paths_));
  EXPECT_EQ(*broker::read_file(paths_->config), initial_state_settings_text());
}

TEST_F(StateTest, MistakesInItsFilesAreNamed) {
  const std::string id = *broker::read_file(paths_->broker_id);
  ASSERT_TRUE(broker::write_file_atomically(paths_->broker_id, "{" + id + "}"));
  EXPECT_EQ(open_state(*paths_).error().message,
            paths_->broker_id.string() + ": expected a lower-case uuid without braces");
  ASSERT_TRUE(broker::write_file_atomically(paths_->broker_id, id));

  const std::string config = *broker::read_file(paths_->config);
  ASSERT_TRUE(broker::write_file_atomically(paths_->config, "\nspeed = 1\n"));
  const auto state = open_state(*paths_);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_EQ(state.error().message.substr(0, paths_->config.string().size() + 22),
            paths_->config.string() + ":2: unknown key speed;");
  ASSERT_TRUE(broker::write_file_atomically(paths_->config, config));
}

TEST(State, OpeningNoneSaysHowToMakeOne) {
  const auto state = open_state(StatePaths("/nonexistent"));
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, dxl::ErrorCode::kStorage);
  EXPECT_EQ(state.error().message,
            "/nonexistent: no state there; `tiara up --state /nonexistent` creates one");
}

TEST(State, TheDirectoryOfAServerIsNone) {
  const broker::TemporaryDirectory directory;
  const StatePaths paths(directory.path());
  for (const char* text :
       {"# mine\n [fabric]\nconfig = 1\n", "fabric.config = \"c\"\nmistake = 1\n"}) {
    ASSERT_TRUE(broker::write_file_atomically(paths.config, text));
    for (const auto& state : {open_state(paths), create_or_open_state(paths)}) {
      ASSERT_FALSE(state);
      EXPECT_EQ(state.error().code, dxl::ErrorCode::kStorage);
      EXPECT_EQ(state.error().message,
                paths.root.string() +
                    ": the directory of a `tiara server`, not a state of `tiara up`; `tiara server "
                    "--config " +
                    paths.config.string() + " --check-config` checks it");
    }
    EXPECT_FALSE(broker::is_there(paths.policy));
  }
}

}  // namespace
}  // namespace tiara::app
