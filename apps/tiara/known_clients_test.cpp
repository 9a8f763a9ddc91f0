#include "tiara/known_clients.hpp"

#include <gtest/gtest.h>

namespace tiara::app {
namespace {

constexpr std::string_view kGroup = fabric::kGroupSetExternal;
const std::string kSha1(40, 'a'), kSha256(64, 'b'), kCaSha1(40, 'c');

fabric::Identity connected(const std::string& sha1 = kSha1, const std::string& sha256 = kSha256) {
  fabric::Identity identity;
  identity.chain = {{.sha1 = kCaSha1, .sha256 = std::string(64, 'd')},
                    {.sha1 = sha1, .sha256 = sha256}};
  identity.subject = "CN=scanner,O=Example";
  return identity;
}

fabric::Authorization policy_of(fabric::Thumbprints certificate) {
  fabric::Policy policy;
  policy.members.push_back({"listed", std::move(certificate), {std::string(kGroup)}});
  return fabric::Authorization(std::move(policy));
}

TEST(KnownClients, NobodyIsAMemberBeforeThereIsAPolicy) {
  KnownClients clients;
  clients.add(connected());
  EXPECT_FALSE(clients.is_member(kSha1, kGroup));
  EXPECT_EQ(clients.describe(kSha1).name, "scanner");
}

TEST(KnownClients, AMemberBySha1NeedNotHaveConnected) {
  KnownClients clients;
  clients.set_authorization(policy_of({kSha1, ""}));
  EXPECT_TRUE(clients.is_member(kSha1, kGroup));
  EXPECT_FALSE(clients.is_member(kSha1, fabric::kGroupSetEnterprise));
  EXPECT_FALSE(clients.is_member(std::string(40, '0'), kGroup));
  EXPECT_FALSE(clients.is_member("", kGroup));
}

TEST(KnownClients, AMemberBySha256OrByItsCaIsKnownOnceItConnected) {
  for (const fabric::Thumbprints& listed :
       {fabric::Thumbprints{"", kSha256}, fabric::Thumbprints{kCaSha1, ""}}) {
    KnownClients clients;
    clients.set_authorization(policy_of(listed));
    EXPECT_FALSE(clients.is_member(kSha1, kGroup));
    clients.add(connected());
    EXPECT_TRUE(clients.is_member(kSha1, kGroup));
  }
}

TEST(KnownClients, ANewPolicyHoldsForWhomIsKnown) {
  KnownClients clients;
  clients.set_authorization(policy_of({kSha1, ""}));
  clients.add(connected());
  clients.set_authorization(fabric::Authorization(fabric::Policy{}));
  EXPECT_FALSE(clients.is_member(kSha1, kGroup));
}

TEST(KnownClients, DescribesByWhatIsKnown) {
  KnownClients clients;
  EXPECT_EQ(clients.describe(kSha1), (store::Actor{kSha1, "", ""}));
  clients.set_authorization(policy_of({kSha1, ""}));
  EXPECT_EQ(clients.describe(kSha1), (store::Actor{kSha1, "listed", ""}));
  clients.set_authorization(policy_of({kSha1, kSha256}));
  EXPECT_EQ(clients.describe(kSha1), (store::Actor{kSha256, "listed", ""}));
  clients.add(connected());
  EXPECT_EQ(clients.describe(kSha1), (store::Actor{kSha256, "scanner", ""}));
}

TEST(KnownClients, ForgetTheFirstOfTooMany) {
  KnownClients clients(2);
  const std::string first(40, '1'), second(40, '2'), third(40, '3');
  for (const std::string& sha1 : {first, second, second, third, first, third})
    clients.add(connected(sha1, "256 of " + sha1));
  // `third` drove `first` out, which came again and drove out `second`.
  EXPECT_EQ(clients.describe(second).certificate, second);
  EXPECT_EQ(clients.describe(first).certificate, "256 of " + first);
  EXPECT_EQ(clients.describe(third).certificate, "256 of " + third);
}

TEST(KnownClients, WithoutACertificateThereIsNobodyToKnow) {
  KnownClients clients;
  clients.add({});
  EXPECT_EQ(clients.describe(""), store::Actor{});
}

TEST(CommonName, IsReadOutOfASubject) {
  const std::pair<std::string, std::string> cases[] = {{"CN=scanner", "scanner"},
                                                       {"O=Example,CN=scanner", "scanner"},
                                                       {"CN=last,CN=first", "last"},
                                                       {"O=CN\\=x\\,CN=no,CN=yes", "yes"},
                                                       {"OU=a+CN=b", "b"},
                                                       {"CN=a\\,b\\\\c", "a,b\\c"},
                                                       {"CN=\\C3\\BC", "ü"},
                                                       {"CN=x\\", "x"},
                                                       {"O=Example", ""},
                                                       {"", ""}};
  for (const auto& [subject, name] : cases) EXPECT_EQ(common_name(subject), name) << subject;
}

}  // namespace
}  // namespace tiara::app
