#include "fabric/revocation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

const std::string kSha1(40, 'a'), kSha256(64, 'b');

TEST(RevocationFile, TakesEitherDigestInEitherCaseWithCommentsAndAnyLineEnd) {
  const auto list = parse_revocation_file(
      "# stolen laptop\r\n" + std::string(40, 'A') + "\r\n\n  \t\n" + kSha256 + " # scanner 7\n\t" +
          std::string(40, '0') + "  \r\n" + std::string(64, 'F'),
      "file");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(*list,
            (std::vector<std::string>{kSha1, kSha256, std::string(40, '0'), std::string(64, 'f')}));
  EXPECT_TRUE(parse_revocation_file("", "file")->empty());
}

TEST(RevocationFile, ABrokenLineIsNamed) {
  for (const std::string& line :
       {std::string(39, 'a'), std::string(41, 'a'), std::string(40, 'g'), kSha1 + kSha1 + kSha1,
        kSha1 + " " + kSha1, std::string("aa:bb"), std::string(1, '\0') + kSha1}) {
    const auto list = parse_revocation_file(kSha1 + "\n# x\n" + line + "\n", "revokedcerts.lst");
    ASSERT_FALSE(list) << line;
    EXPECT_EQ(list.error().code, dxl::ErrorCode::kConfiguration);
    EXPECT_EQ(list.error().message,
              "revokedcerts.lst:3: expected a SHA-1 (40) or SHA-256 (64 hexadecimal digits) "
              "thumbprint, or # and a comment");
  }
}

TEST(RevocationFile, TakesColonsBetweenBytes) {
  std::string colons = "AA";
  for (int i = 1; i < 20; ++i) colons += ":AA";
  const auto list = parse_revocation_file(colons + "\n", "file");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(*list, std::vector{std::string(40, 'a')});
  for (const std::string& bad : {colons + ":", ":" + colons, "A" + colons, colons.substr(0, 40)})
    EXPECT_FALSE(parse_revocation_file(bad, "file")) << bad;
}

TEST(RevocationFile, IsLimited) {
  std::string text;
  for (std::size_t i = 0; i < kMaxRevocations; ++i) text += kSha1 + "\n";
  EXPECT_TRUE(parse_revocation_file(text, "file"));
  const auto list = parse_revocation_file(text + kSha1, "file");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, dxl::ErrorCode::kLimitExceeded);
}

TEST(RevocationEvent, GoodLinesCountAlthoughOthersAreBroken) {
  const RevocationEvent event =
      parse_revocation_event(std::string(40, 'A') + "\r\nnonsense\n" + kSha256 + "\n??");
  EXPECT_EQ(event.thumbprints, (std::vector<std::string>{kSha1, kSha256}));
  EXPECT_EQ(event.complaint, "2 of its lines are no SHA-1 or SHA-256 thumbprint, line 2 first");
  EXPECT_EQ(parse_revocation_event(kSha1).complaint, "");
  EXPECT_EQ(parse_revocation_event("\n").complaint, "it holds no thumbprint");
}

TEST(RevocationEvent, IsLimited) {
  std::string text;
  for (std::size_t i = 0; i < kMaxRevocationsPerEvent; ++i) text += kSha1 + "\n";
  EXPECT_EQ(parse_revocation_event(text).thumbprints.size(), kMaxRevocationsPerEvent);
  const RevocationEvent event = parse_revocation_event(text + kSha1);
  EXPECT_TRUE(event.thumbprints.empty());
  EXPECT_EQ(event.complaint, "more than 10000 lines; nothing of it counts");
}

TEST(RevocationList, AnyCertificateOfTheChainRevokes) {
  Identity identity = make_identity({{"ca1", "ca256"}, {"leaf1", "leaf256"}}, "CN=x", "u");
  identity.issuer_serials = {"ca-serial", "leaf-serial"};
  for (const char* name : {"ca1", "ca256", "leaf1", "leaf256"})
    EXPECT_TRUE(RevocationList({name}).revokes(identity)) << name;
  for (const char* name : {"ca-serial", "leaf-serial"})
    EXPECT_TRUE(RevocationList({}, {name}).revokes(identity)) << name;
  EXPECT_FALSE(RevocationList({"leaf-serial", "other"}, {"leaf1"}).revokes(identity));
  EXPECT_FALSE(RevocationList().revokes(identity));
}

TEST(RevocationList, AnEmptyNameRevokesNobody) {
  const RevocationList list({""}, {""});
  EXPECT_FALSE(list.contains("", "", ""));
  EXPECT_FALSE(list.revokes(make_identity({}, "", "u")));
  EXPECT_FALSE(list.revokes(make_identity({{"a", ""}}, "", "u")));
}

}  // namespace
}  // namespace tiara::fabric
