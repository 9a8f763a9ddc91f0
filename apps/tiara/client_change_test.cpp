#include "tiara/client_change.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/keystore.hpp"
#include "broker/policy_file.hpp"
#include "broker/testing_directory.hpp"
#include "tiara/client_directory.hpp"

namespace tiara::app {
namespace {

namespace fs = std::filesystem;
using fabric::Thumbprints;
using testing::HasSubstr;

constexpr const char* kId = "5a2d1c1e-0000-4000-8000-000000000001";
const std::string kGroup(fabric::kGroupSetExternal);

// What a program leaves behind that is killed at some step, put there by hand.
class ClientChangeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<broker::TemporaryDirectory>();
    const auto keystore = broker::Keystore::create_or_open(directory_->path() / "keystore", kId);
    ASSERT_TRUE(keystore) << keystore.error().message;
    old_ = *keystore->issue_client("scanner");
    now_ = *keystore->issue_client("scanner");
  }
  static void TearDownTestSuite() { directory_.reset(); }
  void SetUp() override {
    fs::remove_all(client);
    ASSERT_TRUE(broker::make_private_directory(client));
    put(client, old_);
    ASSERT_TRUE(broker::write_file_atomically(paths.policy, broker::initial_policy_text()));
    ASSERT_TRUE(broker::add_member(paths.policy, {"scanner", old_.thumbprints, {kGroup}}));
  }
  void put(const fs::path& where, const broker::IssuedCertificate& issued) const {
    ASSERT_TRUE(broker::write_file_atomically(where / "client.crt", issued.certificate_pem));
  }
  // As it stands while the change is under way.
  void note(const fs::path& certificate) const {
    ASSERT_TRUE(broker::write_file_atomically(
        paths.client_change, now_.thumbprints.sha1 + "\n" + now_.thumbprints.sha256 + "\n" +
                                 old_.thumbprints.sha1 + "\n" + old_.thumbprints.sha256 + "\n" +
                                 certificate.string()));
  }
  std::vector<Thumbprints> members() const {
    std::vector<Thumbprints> found;
    const auto policy = broker::load_policy(paths.policy);
    EXPECT_TRUE(policy) << policy.error().message;
    if (policy)
      for (const fabric::Member& member : policy->members) found.push_back(member.certificate);
    return found;
  }
  void add_new_member() const {
    ASSERT_TRUE(broker::add_member(paths.policy, {"scanner", now_.thumbprints, {kGroup}}));
  }

  static inline std::unique_ptr<broker::TemporaryDirectory> directory_;
  static inline broker::IssuedCertificate old_, now_;
  const broker::StatePaths paths{directory_->path()};
  const fs::path client = directory_->path() / "client";
};

TEST_F(ClientChangeTest, NothingUnderWayIsNothingToDo) {
  EXPECT_FALSE(has_client_change(paths));
  EXPECT_TRUE(finish_client_change(paths));
  EXPECT_EQ(members(), std::vector{old_.thumbprints});
}

TEST_F(ClientChangeTest, WithItsOldFilesTheClientKeepsItsOldMember) {
  note(client / "client.crt");
  add_new_member();
  ASSERT_TRUE(broker::stage_files(client, {{"client.crt", now_.certificate_pem}}));
  ASSERT_TRUE(finish_client_change(paths));
  EXPECT_EQ(members(), std::vector{old_.thumbprints});
  EXPECT_FALSE(has_client_change(paths));
  EXPECT_FALSE(fs::exists(client / ".next.tmp"));
}

TEST_F(ClientChangeTest, WithItsNewFilesTheOldMemberGoes) {
  note(client / "client.crt");
  add_new_member();
  ASSERT_TRUE(broker::stage_files(client, {{"client.crt", now_.certificate_pem}}));
  fs::rename(client / ".next.tmp", client / ".next");  // as the change is committed
  ASSERT_TRUE(finish_client_change(paths));
  EXPECT_EQ(members(), std::vector{now_.thumbprints});
  EXPECT_FALSE(fs::exists(client / ".next"));
}

TEST_F(ClientChangeTest, ADirectoryThatCannotBeSeenLeavesItUnfinished) {
  note("/nonexistent/client.crt");
  add_new_member();
  const auto finished = finish_client_change(paths);
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message, HasSubstr("/nonexistent: cannot be looked at"));
  EXPECT_EQ(members().size(), 2U);
  // The next change cannot wait for it: the old certificate was to lose its groups.
  ASSERT_TRUE(clear_client_change(paths));
  EXPECT_EQ(members(), std::vector{now_.thumbprints});
  EXPECT_FALSE(has_client_change(paths));
}

TEST_F(ClientChangeTest, ADamagedNoteIsNamed) {
  for (const std::string text : {"", "x", "\n\n\n\n/a", "a\nb\n\n\n/a"}) {
    ASSERT_TRUE(broker::write_file_atomically(paths.client_change, text));
    const auto finished = finish_client_change(paths);
    ASSERT_FALSE(finished) << text;
    EXPECT_THAT(finished.error().message, HasSubstr("client.change: damaged"));
  }
  fs::remove(paths.client_change);
}

TEST_F(ClientChangeTest, WhatFailsIsUndone) {
  const auto changed =
      change_client(paths, {client / "client.crt", old_.thumbprints, now_.thumbprints},
                    {{"client.crt", now_.certificate_pem}}, [&]() -> dxl::Result<void> {
                      add_new_member();
                      return dxl::fail(dxl::ErrorCode::kStorage, "full");
                    });
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().message, "full");
  EXPECT_EQ(members(), std::vector{old_.thumbprints});
  EXPECT_EQ(*broker::read_file(client / "client.crt"), old_.certificate_pem);
  EXPECT_FALSE(has_client_change(paths));
}

}  // namespace
}  // namespace tiara::app
