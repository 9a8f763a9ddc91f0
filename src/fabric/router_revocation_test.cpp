// Revocation at the router: who may ask for it, and whom it hits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

const std::string kVictim(40, 'a');

Policy administrator() {
  return {
      .members = {{"admin", {"admin-sha1", "admin-sha256"}, {std::string(kGroupAdministrators)}}}};
}

Identity victim(ConnectionId connection) {
  return make_identity({{"ca-sha1", "ca-sha256"}, {kVictim, "victim-sha256"}}, "CN=victim",
                       std::to_string(connection));
}

class RouterRevocation : public testing::Test {
 protected:
  void SetUp() override {
    harness.connect(1, "admin");
    harness.connect(2, "stranger", {std::string(kRevocationTopic)});
    harness.connect(3, victim(3));
  }
  // What the message of `from` asks for.
  std::optional<Change> send(ConnectionId from, std::string_view payload) {
    std::optional<Change> change;
    harness.deliveries.clear();
    refusal = harness.router.publish(from, kRevocationTopic, harness.encode(harness.event(payload)),
                                     harness.deliveries, change);
    return change;
  }

  RouterHarness harness{administrator()};
  Refusal refusal = Refusal::kNone;
};

TEST_F(RouterRevocation, AnAdministratorsEventRevokesAndIsDelivered) {
  const auto change = send(1, kVictim + "\n" + std::string(40, 'B'));
  EXPECT_EQ(refusal, Refusal::kNone);
  EXPECT_EQ(harness.summary(), (Lines{std::string(kRevocationTopic) + " -> 2"}));
  ASSERT_TRUE(change.has_value());
  const auto* revoked = std::get_if<CertificatesRevoked>(&*change);
  ASSERT_NE(revoked, nullptr);
  EXPECT_EQ(revoked->thumbprints, (std::vector<std::string>{kVictim, std::string(40, 'b')}));
  EXPECT_EQ(harness.router.apply(*change).revoked, std::vector<ConnectionId>{3});
}

TEST_F(RouterRevocation, ARevocationEventFromAnOrdinaryClientChangesNothing) {
  const auto change = send(2, kVictim);
  EXPECT_EQ(refusal, Refusal::kNotAuthorised);
  EXPECT_FALSE(change.has_value());
  EXPECT_EQ(harness.summary(), Lines{});
  EXPECT_EQ(harness.router.revocations().size(), 0U);
}

TEST_F(RouterRevocation, NoPolicyEntryOpensItToOthers) {
  RouterHarness open(
      {.rules = {{Direction::kSend, std::string(kRevocationTopic), {"stranger-sha1"}, {}}}});
  open.connect(1, "stranger");
  std::optional<Change> change;
  EXPECT_EQ(open.router.publish(1, kRevocationTopic, open.encode(open.event(kVictim)),
                                open.deliveries, change),
            Refusal::kNotAuthorised);
  EXPECT_FALSE(change.has_value());
}

TEST_F(RouterRevocation, BrokenLinesAreTold) {
  EXPECT_FALSE(send(1, "nonsense").has_value());
  EXPECT_THAT(harness.router.refusal_detail(), testing::HasSubstr("no SHA-1 or SHA-256"));
}

TEST_F(RouterRevocation, WhoComesAfterwardsIsFoundToo) {
  harness.router.apply(RevocationsReplaced{RevocationList({kVictim})});
  EXPECT_EQ(harness.router.apply(ClientConnected{9, victim(9)}).revoked,
            std::vector<ConnectionId>{9});
  EXPECT_TRUE(harness.router.apply(ClientConnected{10, identity_of("other", 10)}).revoked.empty());
}

TEST_F(RouterRevocation, AReplacedListForgetsWhatIsNoLongerOnIt) {
  harness.router.apply(CertificatesRevoked{{kVictim}});
  EXPECT_TRUE(harness.router.apply(RevocationsReplaced{}).revoked.empty());
  EXPECT_TRUE(harness.router.apply(ClientConnected{9, victim(9)}).revoked.empty());
}

TEST_F(RouterRevocation, OurOwnServiceStays) {
  Identity service = victim(4);
  service.in_process_service = true;
  harness.router.apply(ClientConnected{4, service});
  EXPECT_EQ(harness.router.apply(CertificatesRevoked{{kVictim}}).revoked,
            std::vector<ConnectionId>{3});
}

}  // namespace
}  // namespace tiara::fabric
