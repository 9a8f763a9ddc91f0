#include "fabric/identity.hpp"

#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

TEST(Identity, FollowsFromTheChainRootFirst) {
  const std::vector<Thumbprints> chain{
      {"root1", "root256"}, {"middle1", "m256"}, {"leaf1", "l256"}};
  const Identity identity = make_identity(chain, "CN=sandbox", "6cdc446a");
  EXPECT_EQ(identity.chain, chain);
  EXPECT_EQ(identity.subject, "CN=sandbox");
  EXPECT_EQ(identity.canonical_id, "leaf1");
  EXPECT_EQ(identity.instance_id, "leaf1:6cdc446a");
  EXPECT_EQ(identity.dxl_certs, "root1;middle1;leaf1");
  EXPECT_FALSE(identity.in_process_service);
}

TEST(Identity, WithoutCertificatesIsARandomIdOfItsOwn) {
  const Identity identity = make_identity({}, "", "6cdc446a");
  EXPECT_EQ(identity.canonical_id, "6cdc446a");
  EXPECT_EQ(identity.instance_id, "6cdc446a");
  EXPECT_EQ(identity.dxl_certs, "");
}

}  // namespace
}  // namespace tiara::fabric
