#include "tiara/auth_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/keystore.hpp"
#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::app {
namespace {

using fabric::Thumbprints;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::string kExternal(fabric::kGroupSetExternal);
const std::string kA1(40, 'a'), kB1(40, 'b'), kA256(64, 'a'), kD256(64, 'd');

fabric::Policy policy() {
  return {.members = {{"scanner", {kA1, kA256}, {kExternal}},
                      {"twin", {kB1, ""}, {}},
                      {"twin", {"", kD256}, {}},
                      {"", {"", kA256}, {"order desk"}}},
          .groups = {"order desk"}};
}

dxl::Result<FoundClient> find(const fabric::Policy& policy, const std::string& text) {
  const auto client = parse_client(policy, text);
  if (!client) return dxl::fail(client.error());
  return find_client(policy, *client);
}

std::string colons(const std::string& digits) {
  std::string text;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    text += (i == 0 ? "" : ":") + digits.substr(i, 2);
  return text;
}

TEST(AuthClient, IsFoundByNameAndEitherThumbprintWithAllItsEntries) {
  for (const std::string& client :
       {std::string("scanner"), kA1, kA256, std::string(64, 'A'), colons(std::string(40, 'A'))}) {
    const auto found = find(policy(), client);
    ASSERT_TRUE(found) << client << found.error().message;
    EXPECT_TRUE(found->is_member);
    EXPECT_EQ(found->member.name, "scanner");
    EXPECT_EQ(found->member.certificate, (Thumbprints{kA1, kA256}));
    EXPECT_THAT(found->member.groups, ElementsAre(kExternal, "order desk"));
  }
  EXPECT_EQ(find(policy(), kB1)->member.name, "twin");
}

TEST(AuthClient, AnAmbiguousNameListsItsCertificates) {
  const auto twin = find(policy(), "twin");
  ASSERT_FALSE(twin);
  EXPECT_EQ(twin.error().code, dxl::ErrorCode::kInvalidArgument);
  EXPECT_EQ(twin.error().message,
            "twin is the name of 2 certificates; give the thumbprint of one: twin (" + kB1 +
                "), twin (" + kD256 + ")");
}

TEST(AuthClient, AnUnknownNameIsToldWhatIsSimilarAndWhatIsAccepted) {
  const auto message = [](const fabric::Policy& policy, const std::string& name) {
    const auto found = find(policy, name);
    return found ? "found" : found.error().message;
  };
  EXPECT_THAT(message(policy(), "Scaner"), HasSubstr("no member Scaner; similar are scanner; a "));
  EXPECT_THAT(message(policy(), "scan"), HasSubstr("similar are scanner;"));
  EXPECT_THAT(message(policy(), "twn"), HasSubstr("similar are twin;"));
  for (const char* name : {"no\nbody", "x", ""})
    EXPECT_THAT(message(policy(), name), Not(HasSubstr("similar"))) << name;
  EXPECT_THAT(message(policy(), "no\nbody"), HasSubstr("no member no\\x0abody; "));
  for (const char* accepted : {"name of a member", "SHA-1 or SHA-256", "certificate file"})
    EXPECT_THAT(message({}, "x"), HasSubstr(accepted));
}

TEST(AuthClient, AThumbprintThatNoMemberHasIsACertificateAllTheSame) {
  const auto found = find(policy(), std::string(40, 'F'));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->is_member);
  EXPECT_EQ(found->member.certificate, (Thumbprints{std::string(40, 'f'), ""}));
  EXPECT_EQ(find(policy(), std::string(64, 'F'))->member.certificate.sha256, std::string(64, 'f'));
}

// Who asks for a certificate may choose its name.
TEST(AuthClient, AThumbprintIsNeverAName) {
  fabric::Policy policy{.members = {{std::string(40, 'c'), {kB1, ""}, {}}}};
  const auto found = find(policy, std::string(40, 'c'));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->is_member);
  EXPECT_EQ(found->member.certificate.sha1, std::string(40, 'c'));
}

TEST(AuthClient, EntriesAreThoseOfTheClientOnly) {
  const auto entries = [](const std::string& text) {
    return find_entries(policy(), *parse_client(policy(), text));
  };
  EXPECT_THAT(*entries("scanner"), SizeIs(2));
  EXPECT_THAT(*entries(kA1), SizeIs(2));
  EXPECT_THAT(*entries("twin"), SizeIs(2));
  EXPECT_THAT(*entries(kD256), SizeIs(1));
  EXPECT_THAT(*entries(std::string(40, '0')), IsEmpty());
  EXPECT_FALSE(entries("nobody"));
}

class AuthClientFile : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<broker::TemporaryDirectory>();
    const auto keystore = broker::Keystore::create_or_open(directory_->path(),
                                                           "5a2d1c1e-0000-4000-8000-000000000001");
    ASSERT_TRUE(keystore) << keystore.error().message;
    const auto issued = keystore->issue_client("reader");
    ASSERT_TRUE(issued);
    thumbprints_ = issued->thumbprints;
    ASSERT_TRUE(broker::write_file_atomically(file(), issued->certificate_pem));
    ASSERT_TRUE(broker::write_file_atomically(directory_->path() / "key", issued->private_key_pem));
  }
  static void TearDownTestSuite() { directory_.reset(); }
  static std::string file() { return directory_->path() / "client.crt"; }

  static inline std::unique_ptr<broker::TemporaryDirectory> directory_;
  static inline Thumbprints thumbprints_;
};

TEST_F(AuthClientFile, IsTheCertificateInItWithItsCommonName) {
  const auto found = find({}, file());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->is_member);
  EXPECT_EQ(found->member.name, "reader");
  EXPECT_EQ(found->member.certificate, thumbprints_);
  EXPECT_FALSE(parse_client({}, file())->is_ca);
  EXPECT_TRUE(parse_client({}, directory_->path() / "ca-client.crt")->is_ca);
}

TEST_F(AuthClientFile, UnitesEntriesThatHaveOneThumbprintEach) {
  const fabric::Policy policy{.members = {{"old name", {thumbprints_.sha1, ""}, {"a"}},
                                          {"", {"", thumbprints_.sha256}, {"b"}}},
                              .groups = {"a", "b"}};
  const auto found = find(policy, file());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->is_member);
  EXPECT_EQ(found->member.name, "old name");
  EXPECT_EQ(found->member.certificate, thumbprints_);
  EXPECT_THAT(found->member.groups, ElementsAre("a", "b"));
}

TEST_F(AuthClientFile, IsRefusedWhenItIsANameAsWellOrHoldsNoCertificate) {
  const auto both = parse_client({.members = {{file(), {kB1, ""}, {}}}}, file());
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message, HasSubstr("is a member's name and a file as well"));
  const std::string key = directory_->path() / "key";
  const auto wrong = parse_client({}, key);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr(key + ": no certificate in PEM form"));
  // What is not there is a name, and a directory no file.
  EXPECT_THAT(find({}, file() + ".gone").error().message, HasSubstr("no member"));
  EXPECT_THAT(find({}, directory_->path()).error().message, HasSubstr("no member"));
}

}  // namespace
}  // namespace tiara::app
