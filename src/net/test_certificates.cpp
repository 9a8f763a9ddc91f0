#include "net/test_certificates.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "net/openssl.hpp"

namespace tiara::net {
namespace {

using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;

constexpr long kDaySeconds = 24 * 60 * 60;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "test certificates: %s\n", what);
  std::abort();
}

// One key for all: making RSA keys is the slow part, and no test tells them apart.
EVP_PKEY* shared_key() {
  static const KeyPtr key(EVP_RSA_gen(2048));
  require(key != nullptr, "no key");
  return key.get();
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "no extension");
  X509_EXTENSION_free(extension);
}

X509Ptr make_certificate(const std::string& common_name, const X509* issuer, bool is_ca,
                         CertificateForm form) {
  static long serial = 0;
  X509Ptr made(X509_new());
  X509* const certificate = made.get();
  require(certificate != nullptr, "no memory");
  const bool is_old = form == CertificateForm::kVersion1;
  X509_set_version(certificate, is_old ? X509_VERSION_1 : X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate),
                  form == CertificateForm::kNotYetValid ? kDaySeconds / 2 : -2 * kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate),
                  form == CertificateForm::kExpired ? -kDaySeconds : kDaySeconds);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate, issuer != nullptr ? X509_get_subject_name(issuer) : name);
  X509_set_pubkey(certificate, shared_key());
  if (is_ca) {
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  } else if (!is_old) {
    add_extension(certificate, NID_basic_constraints, "CA:FALSE");
  }
  require(X509_sign(certificate, shared_key(), EVP_sha256()) > 0, "cannot sign");
  return made;
}

template <class Write>
std::string pem(Write&& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr && write(bio.get()) == 1, "cannot write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string certificate_pem(X509* certificate) {
  return pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "tiara-test-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "no temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

struct TestCa::Impl {
  TemporaryFolder folder;
  X509Ptr certificate;
  std::filesystem::path root;
  std::string chain;  // of intermediate CAs, this one first
};

TestCa::TestCa(const std::string& common_name) : impl_(std::make_unique<Impl>()) {
  impl_->certificate = make_certificate(common_name, nullptr, true, CertificateForm::kUsual);
  impl_->root = write("ca.crt", certificate_pem(impl_->certificate.get()));
}

TestCa::TestCa(const std::string& common_name, const TestCa& issuer)
    : impl_(std::make_unique<Impl>()) {
  impl_->certificate =
      make_certificate(common_name, issuer.impl_->certificate.get(), true, CertificateForm::kUsual);
  const std::string own = certificate_pem(impl_->certificate.get());
  write("ca.crt", own);
  impl_->root = issuer.impl_->root;
  impl_->chain = own + issuer.impl_->chain;
}

TestCa::~TestCa() = default;

TlsContext::Files TestCa::issue(const std::string& common_name, CertificateForm form) {
  const X509Ptr certificate = make_certificate(common_name, impl_->certificate.get(), false, form);
  const std::string key = pem([](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, shared_key(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return {write(common_name + ".crt", certificate_pem(certificate.get()) + impl_->chain),
          write(common_name + ".key", key), ca_file()};
}

std::filesystem::path TestCa::ca_file() const { return impl_->root; }

std::filesystem::path TestCa::certificate() const { return impl_->folder.path() / "ca.crt"; }

std::filesystem::path TestCa::revoke(const std::vector<std::filesystem::path>& certificates,
                                     bool is_expired) {
  const CrlPtr crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(impl_->certificate.get()));
  const TimePtr begin(X509_gmtime_adj(nullptr, -2 * kDaySeconds));
  const TimePtr end(X509_gmtime_adj(nullptr, is_expired ? -kDaySeconds : kDaySeconds));
  X509_CRL_set1_lastUpdate(crl.get(), begin.get());
  X509_CRL_set1_nextUpdate(crl.get(), end.get());
  for (const auto& file : certificates) {
    const BioPtr bio(BIO_new_file(file.c_str(), "r"));
    const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    require(certificate != nullptr, "no certificate to revoke");
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get()));
    X509_REVOKED_set_revocationDate(entry, begin.get());
    X509_CRL_add0_revoked(crl.get(), entry);
  }
  require(X509_CRL_sign(crl.get(), shared_key(), EVP_sha256()) > 0, "cannot sign a CRL");
  static int number = 0;
  return write("list-" + std::to_string(++number) + ".crl",
               pem([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl.get()); }));
}

std::filesystem::path TestCa::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = impl_->folder.path() / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace tiara::net
