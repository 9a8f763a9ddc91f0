#include "broker/signing_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/test_requests.hpp"

namespace tiara::broker {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& pem) {
  const auto parsed = parse_signing_request(pem);
  return parsed ? "accepted" : parsed.error().message;
}

TEST(SigningRequest, AcceptsRsaAndTheTwoCurves) {
  for (const TestKey& key : {shared_rsa_key(), ec_key("P-256"), ec_key("P-384")}) {
    RequestRecipe recipe;
    recipe.key = key;
    const auto parsed = parse_signing_request(make_request(recipe));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->common_name, "reader");
  }
}

TEST(SigningRequest, TakesTheWholeSubject) {
  RequestRecipe recipe;
  recipe.subject = {{"C", "DE"},
                    {"O", "Org"},
                    {"OU", "Unit"},
                    {"CN", "J\xc3\xbcrgen"},
                    {"emailAddress", "a@example.com"}};
  const auto parsed = parse_signing_request(make_request(recipe));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->common_name, "J\xc3\xbcrgen");
  EXPECT_THAT(parsed->subject_der, HasSubstr("Unit"));
  EXPECT_THAT(parsed->subject_der, HasSubstr("a@example.com"));
}

TEST(SigningRequest, RefusesWeakAndUnknownKeys) {
  RequestRecipe recipe;
  recipe.key = rsa_key(1024);
  EXPECT_THAT(refusal(make_request(recipe)), HasSubstr("an RSA key of 1024 bits; 2048 to 8192"));
  recipe.key = ec_key("P-521");
  EXPECT_THAT(refusal(make_request(recipe)), HasSubstr("RSA and EC on P-256 or P-384 are"));
  recipe.key = ec_key("secp256k1");
  EXPECT_THAT(refusal(make_request(recipe)), HasSubstr("RSA and EC on P-256 or P-384 are"));
  recipe.key = {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free};
  recipe.digest = nullptr;
  EXPECT_THAT(refusal(make_request(recipe)), HasSubstr("RSA and EC on P-256 or P-384 are"));
}

TEST(SigningRequest, RefusesOldDigestsAndForeignSignatures) {
  RequestRecipe recipe;
  recipe.digest = EVP_sha1();
  EXPECT_THAT(refusal(make_request(recipe)), HasSubstr("SHA-256, SHA-384 or SHA-512"));
  recipe = {};
  static const TestKey other = rsa_key(2048);
  recipe.damage = [](X509_REQ* request) { X509_REQ_set_pubkey(request, other.get()); };
  EXPECT_THAT(refusal(make_request(recipe)), HasSubstr("not that of its key"));
}

TEST(SigningRequest, RefusesSubjectsThatNameNobody) {
  using Subject = std::vector<std::pair<const char*, std::string>>;
  Subject many(17, {"OU", "a"});
  many.emplace_back("CN", "reader");
  const std::vector<std::pair<Subject, std::string>> cases = {
      {{}, "no common name"},
      {{{"O", "Org"}}, "no common name"},
      {{{"CN", "a"}, {"CN", "b"}}, "two common names"},
      {{{"CN", "a\nb"}}, "part 1 of the subject is not text"},
      {{{"O", "a\rb"}, {"CN", "b"}}, "part 1 of the subject is not text"},
      {{{"CN", " "}}, "cannot be seen"},
      {{{"CN", "a\u202eb"}}, "the common name \"a\\u202eb\" has characters that cannot be seen"},
      {{{"CN", "a\u200bb"}}, "cannot be seen"},
      {{{"CN", "a\u2028b"}}, "cannot be seen"},
      {{{"CN", "\xc2\x80"}}, "cannot be seen"},
      {{{"CN", "Admin"}}, "the common name \"Admin\" is reserved"},
      {{{"CN", "TiaraService"}}, "is reserved"},
      {many, "a subject of 18 parts; 16 are accepted"},
  };
  for (const auto& [subject, why] : cases) {
    RequestRecipe recipe;
    recipe.subject = subject;
    EXPECT_THAT(refusal(make_request(recipe)), HasSubstr(why));
  }
}

TEST(SigningRequest, RefusesWhatIsNoRequest) {
  EXPECT_THAT(refusal(""), HasSubstr("not a PKCS#10 request in PEM form"));
  EXPECT_THAT(refusal("hello"), HasSubstr("not a PKCS#10"));
  EXPECT_THAT(refusal("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
                      "-----END CERTIFICATE REQUEST-----\n"),
              HasSubstr("not a PKCS#10"));
  EXPECT_THAT(refusal(std::string(kSigningRequestBytes + 1, 'x')),
              HasSubstr("16385 bytes; 16384 are accepted"));
}

TEST(SigningRequest, EveryTruncationIsRefusedAndNoDamagedByteSaysSomethingElse) {
  const std::string whole = make_request();
  const std::size_t end = whole.find("\n-----END");
  for (std::size_t size = 0; size < end; ++size)
    EXPECT_NE(refusal(whole.substr(0, size)), "accepted") << size;
  const auto original = parse_signing_request(whole);
  ASSERT_TRUE(original) << original.error().message;
  for (std::size_t at = whole.find('\n') + 1; at < end; ++at) {
    std::string changed = whole;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    // The last digit of base64 has bits that mean nothing.
    const auto parsed = parse_signing_request(changed);
    if (!parsed) continue;
    EXPECT_EQ(parsed->subject_der, original->subject_der) << at;
    EXPECT_EQ(parsed->public_key_der, original->public_key_der) << at;
  }
}

}  // namespace
}  // namespace tiara::broker
