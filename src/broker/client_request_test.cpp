#include "broker/client_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/certificate.hpp"
#include "broker/signing_request.hpp"
#include "broker/test_requests.hpp"

namespace tiara::broker {
namespace {

using testing::HasSubstr;

std::string printed(const std::string& pem) {
  const std::shared_ptr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                BIO_free_all);
  const std::shared_ptr<X509_REQ> request(
      PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr), X509_REQ_free);
  const std::shared_ptr<BIO> out(BIO_new(BIO_s_mem()), BIO_free_all);
  X509_REQ_print(out.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string refusal(const ClientSubject& subject) {
  const auto made = make_client_request(subject, "");
  return made ? "accepted" : made.error().message;
}

TEST(ClientRequest, HasThePythonClientsSubjectAndExtensions) {
  ClientSubject subject{"reader", "DE", "Bayern", "Hof", "Org", "Unit", "a@example.com", {}};
  subject.names = {"host.example.com", "10.0.0.1"};
  const auto made = make_client_request(subject, "");
  ASSERT_TRUE(made) << made.error().message;
  const std::string text = printed(made->request_pem);
  EXPECT_THAT(text, HasSubstr("Subject: C=DE, ST=Bayern, L=Hof, O=Org, OU=Unit, "
                              "CN=reader/emailAddress=a@example.com\n"));
  EXPECT_THAT(text, HasSubstr("(2048 bit)"));
  EXPECT_THAT(text, HasSubstr("sha256WithRSAEncryption"));
  EXPECT_THAT(text, HasSubstr("X509v3 Basic Constraints: \n"));
  EXPECT_THAT(text, HasSubstr(" CA:FALSE\n"));
  EXPECT_THAT(text, HasSubstr("X509v3 Key Usage: critical\n"));
  EXPECT_THAT(text, HasSubstr(" Digital Signature, Key Encipherment\n"));
  EXPECT_THAT(text, HasSubstr("TLS Web Client Authentication"));
  EXPECT_THAT(text, HasSubstr("DNS:host.example.com, IP Address:10.0.0.1"));
  EXPECT_TRUE(parse_signing_request(made->request_pem));
  EXPECT_THAT(made->private_key_pem, HasSubstr("-----BEGIN PRIVATE KEY-----"));
}

TEST(ClientRequest, EncryptsTheKeyWithAPassPhrase) {
  const auto made = make_client_request({"reader", "", "", "", "", "", "", {}}, "open sesame");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->private_key_pem, HasSubstr("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
  const auto key = [&](std::string passphrase) {
    const std::shared_ptr<BIO> in(BIO_new_mem_buf(made->private_key_pem.data(),
                                                  static_cast<int>(made->private_key_pem.size())),
                                  BIO_free_all);
    return TestKey(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, passphrase.data()),
                   EVP_PKEY_free);
  };
  EXPECT_TRUE(key("open sesame"));
  EXPECT_FALSE(key("open barley"));
}

TEST(ClientRequest, RefusesPartsByTheNamesOfTheirOptions) {
  const ClientSubject good{"reader", "", "", "", "", "", "", {}};
  ClientSubject subject = good;
  EXPECT_THAT(refusal({}), HasSubstr("the common name: expected 1 to 64 characters"));
  subject.common_name = std::string(65, 'x');
  EXPECT_THAT(refusal(subject), HasSubstr("the common name: expected 1 to 64 characters"));
  subject.common_name = "a\nb";
  EXPECT_THAT(refusal(subject), HasSubstr("\"a\\u000ab\""));
  subject = good;
  subject.country = "DEU";
  EXPECT_EQ(refusal(subject),
            "--country: expected two letters, such as DE, all of them to be seen, found \"DEU\"");
  subject = good;
  subject.email_address = "j\xc3\xbcrgen@example.com";
  EXPECT_THAT(refusal(subject), HasSubstr("--email-address: expected"));
  subject = good;
  for (const char* name : {"", "a b", "a,DNS:b", "a\n"}) {
    subject.names = {"good.example.com", name};
    EXPECT_THAT(refusal(subject), HasSubstr("--san: expected a host name")) << name;
  }
}

TEST(ClientRequest, OfAFileOnlyTheRequestIsTaken) {
  const auto made = make_client_request({"reader", "", "", "", "", "", "", {}}, "");
  ASSERT_TRUE(made);
  const auto read = read_request("notes\n" + made->private_key_pem + made->request_pem + "more");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, made->request_pem);
}

TEST(ClientRequest, RefusesWhatIsNoRequest) {
  const auto refused = [](const std::string& text) {
    const auto read = read_request(text);
    return read ? "accepted" : read.error().message;
  };
  EXPECT_THAT(refused(""), HasSubstr("not a PKCS#10 request"));
  EXPECT_THAT(refused(std::string(20'000, 'x')), HasSubstr("16384 are accepted"));
  RequestRecipe recipe;
  static const TestKey other = rsa_key(2048);
  recipe.damage = [](X509_REQ* request) { X509_REQ_set_pubkey(request, other.get()); };
  EXPECT_THAT(refused(make_request(recipe)), HasSubstr("not that of its key"));
}

TEST(ClientRequest, TellsWhoseCertificateItIs) {
  const auto mine = make_client_request({"mine", "", "", "", "", "", "", {}}, "");
  const auto other = make_client_request({"other", "", "", "", "", "", "", {}}, "");
  const auto authority =
      issue_certificate({"authority", CertificateKind::kRootCa, std::chrono::hours(1)}, nullptr);
  ASSERT_TRUE(mine && other && authority);
  const auto certificate = sign_client_certificate(*parse_signing_request(mine->request_pem),
                                                   std::chrono::hours(1), *authority);
  ASSERT_TRUE(certificate);
  EXPECT_TRUE(check_request_key(*certificate, mine->request_pem));
  EXPECT_FALSE(check_request_key(*certificate, other->request_pem));
  EXPECT_FALSE(check_request_key("", mine->request_pem));
}

}  // namespace
}  // namespace tiara::broker
