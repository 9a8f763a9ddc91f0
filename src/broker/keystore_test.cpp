#include "broker/keystore.hpp"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <map>
#include <memory>

#include "broker/certificate.hpp"
#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

constexpr const char* kId = "5a2d1c1e-0000-4000-8000-000000000001";

std::vector<std::shared_ptr<X509>> certificates(const std::string& pem) {
  const std::shared_ptr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                 BIO_free_all);
  std::vector<std::shared_ptr<X509>> result;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    result.emplace_back(certificate, X509_free);
  ERR_clear_error();
  return result;
}

std::string common_name(X509* certificate) {
  char name[128] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
  return name;
}

std::vector<std::string> common_names(const std::string& pem) {
  std::vector<std::string> names;
  for (const auto& certificate : certificates(pem)) names.push_back(common_name(certificate.get()));
  return names;
}

// Verifies the first certificate of `pem` against `bundle` for `purpose`, with the rest of `pem` as
// what the peer sent along. X509_V_OK or the reason.
int verify(const std::string& pem, const std::string& bundle, int purpose) {
  const auto sent = certificates(pem);
  const std::shared_ptr<X509_STORE> trusted(X509_STORE_new(), X509_STORE_free);
  for (const auto& certificate : certificates(bundle))
    X509_STORE_add_cert(trusted.get(), certificate.get());
  const std::shared_ptr<STACK_OF(X509)> chain(sk_X509_new_null(),
                                              [](STACK_OF(X509) * s) { sk_X509_free(s); });
  for (const auto& certificate : sent) sk_X509_push(chain.get(), certificate.get());
  const std::shared_ptr<X509_STORE_CTX> context(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), trusted.get(), sent.front().get(), chain.get());
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  return X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

class KeystoreTest : public testing::Test {
 protected:
  // RSA keys take long to make: each test works on a copy of one keystore.
  static void SetUpTestSuite() {
    original_ = std::make_unique<TemporaryDirectory>();
    const auto keystore = Keystore::create_or_open(original_->path() / "keystore", kId);
    ASSERT_TRUE(keystore) << keystore.error().message;
  }
  static void TearDownTestSuite() { original_.reset(); }
  void SetUp() override {
    std::filesystem::copy(original_->path() / "keystore", path_,
                          std::filesystem::copy_options::recursive);
    auto keystore = Keystore::open(path_);
    ASSERT_TRUE(keystore) << keystore.error().message;
    keystore_ = *keystore;
  }
  std::string text(const std::filesystem::path& file) { return *read_file(file); }

  static inline std::unique_ptr<TemporaryDirectory> original_;
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "keystore";
  std::optional<Keystore> keystore_;
};

TEST_F(KeystoreTest, HoldsTheStockLayoutForItsOwnerOnly) {
  std::map<std::string, unsigned> modes;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    modes[entry.path().filename()] =
        mode_of(original_->path() / "keystore" / entry.path().filename());
  EXPECT_EQ(modes, (std::map<std::string, unsigned>{{"broker.crt", 0600},
                                                    {"broker.key", 0600},
                                                    {"ca-broker.crt", 0600},
                                                    {"ca-broker.key", 0600},
                                                    {"ca-client.crt", 0600},
                                                    {"ca-client.key", 0600}}));
  EXPECT_EQ(mode_of(original_->path() / "keystore"), 0700u);
  const std::string client_ca = std::string("TiaraClientCA-") + kId;
  const std::string broker_ca = std::string("TiaraBrokerCA-") + kId;
  EXPECT_EQ(common_names(text(keystore_->client_ca())), std::vector{client_ca});
  EXPECT_EQ(common_names(text(keystore_->broker_ca_bundle())), (std::vector{broker_ca, client_ca}));
  EXPECT_EQ(common_names(text(keystore_->broker_certificate())),
            (std::vector{std::string("TiaraBroker-") + kId, broker_ca}));
}

TEST_F(KeystoreTest, KeysArePkcs8Rsa2048) {
  const std::string key = text(keystore_->broker_key());
  EXPECT_EQ(key.substr(0, 28), "-----BEGIN PRIVATE KEY-----\n");
  const auto certificate = certificates(text(keystore_->broker_certificate())).front();
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(certificate.get())), 2048);
  EXPECT_EQ(X509_get_signature_nid(certificate.get()), NID_sha256WithRSAEncryption);
}

TEST_F(KeystoreTest, BrokerVerifiesWithEitherBundleAndClientsAtTheListener) {
  const std::string broker = text(keystore_->broker_certificate());
  EXPECT_EQ(verify(broker, text(keystore_->broker_ca_bundle()), X509_PURPOSE_SSL_SERVER),
            X509_V_OK);
  EXPECT_EQ(verify(broker, text(keystore_->client_ca()), X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_EQ(verify(broker, text(keystore_->client_ca()), X509_PURPOSE_SSL_CLIENT), X509_V_OK);

  const auto client = keystore_->issue_client("scanner");
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(verify(client->certificate_pem, text(keystore_->client_ca()), X509_PURPOSE_SSL_CLIENT),
            X509_V_OK);
  EXPECT_NE(verify(client->certificate_pem, text(keystore_->client_ca()), X509_PURPOSE_SSL_SERVER),
            X509_V_OK);
}

TEST_F(KeystoreTest, ReopeningChangesNothing) {
  const std::string before = text(keystore_->broker_certificate()) + text(keystore_->broker_key()) +
                             text(keystore_->client_ca());
  ASSERT_TRUE(Keystore::create_or_open(path_, kId));
  ASSERT_TRUE(Keystore::open(path_));
  EXPECT_EQ(text(keystore_->broker_certificate()) + text(keystore_->broker_key()) +
                text(keystore_->client_ca()),
            before);
}

TEST_F(KeystoreTest, CreatesWhatACrashLeftOut) {
  const std::string client_ca = text(keystore_->client_ca());
  std::filesystem::remove(path_ / "broker.crt");
  std::filesystem::remove(path_ / "ca-broker.crt");
  EXPECT_EQ(Keystore::open(path_).error().message,
            (path_ / "ca-broker.crt").string() + ": is missing from the keystore");
  ASSERT_TRUE(Keystore::create_or_open(path_, kId));
  EXPECT_EQ(text(keystore_->client_ca()), client_ca);
  EXPECT_EQ(verify(text(keystore_->broker_certificate()), client_ca, X509_PURPOSE_SSL_SERVER),
            X509_V_OK);
}

TEST_F(KeystoreTest, NeverReplacesACaWhoseKeyIsElsewhere) {
  const std::string client_ca = text(keystore_->client_ca());
  std::filesystem::remove(path_ / "ca-client.key");
  ASSERT_TRUE(Keystore::create_or_open(path_, kId));
  EXPECT_EQ(text(keystore_->client_ca()), client_ca);
  const auto client = keystore_->issue_client("scanner");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().message,
            (path_ / "ca-client.key").string() + ": cannot open: No such file or directory");
}

TEST_F(KeystoreTest, RenewsItsOwnCertificateInTheLastYear) {
  const KeyAndCertificate issuer{text(path_ / "ca-broker.crt"), text(path_ / "ca-broker.key")};
  const auto old =
      issue_certificate({"old", CertificateKind::kBroker, std::chrono::hours(364 * 24)}, &issuer);
  ASSERT_TRUE(old && write_file_atomically(keystore_->broker_certificate(), old->certificate_pem) &&
              write_file_atomically(keystore_->broker_key(), old->private_key_pem));
  ASSERT_TRUE(Keystore::create_or_open(path_, kId));
  EXPECT_EQ(common_names(text(keystore_->broker_certificate())).front(),
            std::string("TiaraBroker-") + kId);
}

TEST_F(KeystoreTest, ARemovedBrokerCertificateComesBackWithTheNames) {
  const std::string ca = text(keystore_->broker_ca_bundle());
  std::filesystem::remove(keystore_->broker_certificate());
  ASSERT_TRUE(Keystore::create_or_open(path_, kId, {"localhost", "::1"}));
  const auto broker = certificates(text(keystore_->broker_certificate())).front();
  EXPECT_EQ(X509_check_host(broker.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(broker.get(), "::1", 0), 1);
  EXPECT_EQ(text(keystore_->broker_ca_bundle()), ca);
  EXPECT_EQ(verify(text(keystore_->broker_certificate()), ca, X509_PURPOSE_SSL_SERVER), X509_V_OK);
}

TEST_F(KeystoreTest, ThumbprintsAreThoseOfTheCertificate) {
  const auto client = keystore_->issue_client("Schrödinger, K. \"cat\"");
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE(write_file_atomically(directory_.path() / "client.crt", client->certificate_pem));
  const auto info = read_certificate(directory_.path() / "client.crt");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->thumbprints, client->thumbprints);
  EXPECT_EQ(info->thumbprints.sha1.size(), 40u);
  EXPECT_EQ(info->thumbprints.sha256.size(), 64u);
  EXPECT_EQ(info->subject, "CN=Schr\\C3\\B6dinger\\, K. \\\"cat\\\"");
}

TEST_F(KeystoreTest, SerialNumbersDiffer) {
  const auto one = certificates(keystore_->issue_client("a")->certificate_pem).front();
  const auto two = certificates(keystore_->issue_client("a")->certificate_pem).front();
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(one.get()), X509_get0_serialNumber(two.get())),
            0);
}

TEST_F(KeystoreTest, RefusesCommonNamesThatCannotWork) {
  EXPECT_TRUE(keystore_->issue_client(std::string(64, 'n')));
  for (const std::string& name :
       {std::string(), std::string(65, 'n'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\xff\xfe"), std::string("\xc3")}) {
    const auto client = keystore_->issue_client(name);
    ASSERT_FALSE(client) << name;
    EXPECT_EQ(client.error().code, dxl::ErrorCode::kInvalidArgument);
  }
}

TEST_F(KeystoreTest, ReadCertificateNamesTheFileThatHoldsNone) {
  const auto info = read_certificate(path_ / "broker.key");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, dxl::ErrorCode::kTls);
  EXPECT_EQ(info.error().message.substr(0, path_.string().size()), path_.string());
}

TEST(Certificate, NoLeafOutlivesItsIssuer) {
  const auto ca =
      issue_certificate({"ca", CertificateKind::kRootCa, std::chrono::hours(24)}, nullptr);
  ASSERT_TRUE(ca);
  const auto leaf =
      issue_certificate({"leaf", CertificateKind::kClient, std::chrono::hours(48)}, &*ca);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(inspect_certificate(leaf->certificate_pem)->expires,
            inspect_certificate(ca->certificate_pem)->expires);
}

TEST(Certificate, AKeyMustBelongToItsIssuer) {
  auto ca = issue_certificate({"ca", CertificateKind::kRootCa, std::chrono::hours(24)}, nullptr);
  const auto other =
      issue_certificate({"ca", CertificateKind::kRootCa, std::chrono::hours(24)}, nullptr);
  ASSERT_TRUE(ca && other);
  ca->private_key_pem = other->private_key_pem;
  const auto leaf =
      issue_certificate({"leaf", CertificateKind::kClient, std::chrono::hours(24)}, &*ca);
  ASSERT_FALSE(leaf);
  EXPECT_EQ(leaf.error().code, dxl::ErrorCode::kTls);
}

}  // namespace
}  // namespace tiara::broker
