#include "broker/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include "base/hex.hpp"
#include "broker/openssl.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;

constexpr unsigned kKeyBits = 2048;
constexpr int kSerialBits = 128;
constexpr std::size_t kMaxCommonName = 64;
constexpr std::chrono::hours kBackdated{24};  // for peers whose clock is behind

using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Name = std::unique_ptr<X509_NAME, Deleter<X509_NAME_free>>;
using Octets = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;

tl::unexpected<dxl::Error> tls_failure(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return dxl::fail(ErrorCode::kTls,
                   fmt::format("{}: {}", what, reason ? reason : "OpenSSL refused"));
}

Bio read_bio(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string to_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Certificate parse_certificate(std::string_view pem) {
  const Bio bio = read_bio(pem);
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
}

bool is_valid_common_name(std::string_view name) {
  std::size_t characters = 0;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return false;
    if ((byte & 0xc0) != 0x80) ++characters;
  }
  return characters >= 1 && characters <= kMaxCommonName;
}

bool set_random_serial(X509* certificate) {
  const Number serial(BN_new());
  return serial && BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, std::chrono::hours lifetime, const X509* issuer) {
  const auto seconds = [](std::chrono::hours span) {
    return static_cast<long>(std::chrono::seconds(span).count());
  };
  if (!X509_gmtime_adj(X509_getm_notBefore(certificate), -seconds(kBackdated)) ||
      !X509_gmtime_adj(X509_getm_notAfter(certificate), seconds(lifetime)))
    return false;
  if (!issuer) return true;
  const ASN1_TIME* latest = X509_get0_notAfter(issuer);
  const bool outlives = ASN1_TIME_compare(X509_get0_notAfter(certificate), latest) > 0;
  return !outlives || X509_set1_notAfter(certificate, latest) == 1;
}

struct ExtensionText {
  int id;
  const char* value;
};

// The subject key identifier comes first: the authority's of a self-signed certificate refers to
// it.
std::array<ExtensionText, 5> extensions_of(CertificateKind kind) {
  constexpr ExtensionText kSubjectKey{NID_subject_key_identifier, "hash"};
  constexpr ExtensionText kAuthorityKey{NID_authority_key_identifier, "keyid:always"};
  constexpr ExtensionText kCaUsage{NID_key_usage, "critical,keyCertSign,cRLSign"};
  constexpr ExtensionText kLeafUsage{NID_key_usage, "critical,digitalSignature,keyEncipherment"};
  constexpr ExtensionText kNotCa{NID_basic_constraints, "critical,CA:FALSE"};
  constexpr ExtensionText kNone{NID_undef, nullptr};
  switch (kind) {
    case CertificateKind::kRootCa:
      return {{kSubjectKey,
               kAuthorityKey,
               kCaUsage,
               {NID_basic_constraints, "critical,CA:TRUE"},
               kNone}};
    case CertificateKind::kIntermediateCa:
      return {{kSubjectKey,
               kAuthorityKey,
               kCaUsage,
               {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
               kNone}};
    case CertificateKind::kBroker:
      return {{kSubjectKey,
               kAuthorityKey,
               kLeafUsage,
               kNotCa,
               {NID_ext_key_usage, "serverAuth,clientAuth"}}};
    case CertificateKind::kClient:
      break;
  }
  return {{kSubjectKey, kAuthorityKey, kLeafUsage, kNotCa, {NID_ext_key_usage, "clientAuth"}}};
}

bool add_extension(X509* certificate, X509V3_CTX& context, int id, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_extensions(X509* certificate, X509* issuer, CertificateKind kind,
                    const std::vector<std::string>& names) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const ExtensionText& text : extensions_of(kind)) {
    if (text.id == NID_undef) continue;
    // Only RSA keys encipher keys.
    const bool is_leaf = kind == CertificateKind::kClient || kind == CertificateKind::kBroker;
    const bool signs_only = text.id == NID_key_usage && is_leaf &&
                            EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) != EVP_PKEY_RSA;
    if (!add_extension(certificate, context, text.id,
                       signs_only ? "critical,digitalSignature" : text.value))
      return false;
  }
  if (names.empty()) return true;
  const auto text = alternative_names(names);
  return text && add_extension(certificate, context, NID_subject_alt_name, text->c_str());
}

bool set_common_name(X509* certificate, const std::string& name) {
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                    MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

dxl::Result<KeyAndCertificate> to_pem(X509* certificate, EVP_PKEY* key) {
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  const Bio key_text(BIO_new(BIO_s_mem()));
  if (!certificate_text || !key_text ||
      PEM_write_bio_X509(certificate_text.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return tls_failure("cannot write PEM");
  return KeyAndCertificate{to_text(certificate_text.get()), to_text(key_text.get())};
}

std::string digest_hex(const X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (X509_digest(certificate, digest, bytes.data(), &size) != 1) return {};
  return base::to_hex({reinterpret_cast<const char*>(bytes.data()), size});
}

std::string subject_text(const X509* certificate) {
  const Bio text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  return to_text(text.get());
}

struct Issuer {
  Certificate certificate;
  Key key;
};

dxl::Result<Issuer> parse_issuer(const KeyAndCertificate& pem) {
  Issuer issuer{parse_certificate(pem.certificate_pem), nullptr};
  if (!issuer.certificate) return tls_failure("cannot read the issuer's certificate");
  const Bio text = read_bio(pem.private_key_pem);
  issuer.key.reset(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
  if (!issuer.key) return tls_failure("cannot read the issuer's key");
  if (X509_check_private_key(issuer.certificate.get(), issuer.key.get()) != 1)
    return tls_failure("the issuer's key does not belong to its certificate");
  return issuer;
}

// Everything but the subject's name. `issuer` null: signed with its own `key`.
bool complete(X509* subject, EVP_PKEY* key, const Issuer* issuer, const CertificateRequest& with) {
  X509* const signer = issuer ? issuer->certificate.get() : subject;
  return X509_set_version(subject, X509_VERSION_3) == 1 && set_random_serial(subject) &&
         set_validity(subject, with.lifetime, issuer ? signer : nullptr) &&
         X509_set_pubkey(subject, key) == 1 &&
         X509_set_issuer_name(subject, X509_get_subject_name(signer)) == 1 &&
         add_extensions(subject, signer, with.kind, with.names) &&
         X509_sign(subject, issuer ? issuer->key.get() : key, EVP_sha256()) > 0;
}

std::string common_name_of(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return {};
  const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(subject, last);
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return is_valid_common_name(text) ? text : std::string();
}

dxl::Result<CertificateFacts> facts_of(const X509* certificate) {
  std::tm expires{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &expires) != 1)
    return tls_failure("unreadable notAfter");
  return CertificateFacts{
      {digest_hex(certificate, EVP_sha1()), digest_hex(certificate, EVP_sha256())},
      subject_text(certificate),
      std::chrono::system_clock::from_time_t(::timegm(&expires)),
      common_name_of(certificate),
      // Not const, because it caches what it has found.
      X509_check_ca(const_cast<X509*>(certificate)) != 0};
}

dxl::Result<std::vector<Certificate>> parse_all(std::string_view pem) {
  std::vector<Certificate> all;
  const Bio bio = read_bio(pem);
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))
    all.emplace_back(certificate);
  if (all.empty() || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    return tls_failure(all.empty() ? "no certificate in PEM form" : "a damaged certificate");
  ERR_clear_error();
  return all;
}

}  // namespace

std::optional<std::string> alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    const Octets address(a2i_IPADDRESS(name.c_str()));
    ERR_clear_error();
    const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.';
    });
    if (name.empty() || (!address && !is_plain)) return std::nullopt;
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", address ? "IP" : "DNS", name);
  }
  return text;
}

dxl::Result<KeyAndCertificate> issue_certificate(const CertificateRequest& request,
                                                 const KeyAndCertificate* issuer) {
  if (!is_valid_common_name(request.common_name))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("common name: expected 1 to {} characters without control "
                                 "characters, found {} bytes",
                                 kMaxCommonName, request.common_name.size()));
  const Key key(EVP_RSA_gen(kKeyBits));
  if (!key) return tls_failure("cannot generate an RSA key");
  dxl::Result<Issuer> signer{Issuer{}};
  if (issuer) signer = parse_issuer(*issuer);
  if (!signer) return dxl::fail(std::move(signer).error());
  const Certificate certificate(X509_new());
  if (!certificate) return tls_failure("cannot make a certificate");
  if (!set_common_name(certificate.get(), request.common_name)) {
    ERR_clear_error();
    return dxl::fail(ErrorCode::kInvalidArgument, "common name: not valid UTF-8");
  }
  if (!complete(certificate.get(), key.get(), issuer ? &*signer : nullptr, request))
    return tls_failure("cannot sign a certificate for " + request.common_name);
  return to_pem(certificate.get(), key.get());
}

dxl::Result<std::string> sign_client_certificate(const SigningRequest& request,
                                                 std::chrono::hours lifetime,
                                                 const KeyAndCertificate& issuer) {
  const auto signer = parse_issuer(issuer);
  if (!signer) return dxl::fail(signer.error());
  const auto* subject_der = reinterpret_cast<const unsigned char*>(request.subject_der.data());
  const auto* key_der = reinterpret_cast<const unsigned char*>(request.public_key_der.data());
  const Name subject(
      d2i_X509_NAME(nullptr, &subject_der, static_cast<long>(request.subject_der.size())));
  const Key key(d2i_PUBKEY(nullptr, &key_der, static_cast<long>(request.public_key_der.size())));
  const Certificate certificate(X509_new());
  const Bio text(BIO_new(BIO_s_mem()));
  if (!subject || !key || !certificate || !text ||
      X509_set_subject_name(certificate.get(), subject.get()) != 1 ||
      !complete(certificate.get(), key.get(), &*signer,
                {request.common_name, CertificateKind::kClient, lifetime}) ||
      PEM_write_bio_X509(text.get(), certificate.get()) != 1)
    return tls_failure("cannot sign a certificate for " + request.common_name);
  return to_text(text.get());
}

dxl::Result<CertificateFacts> inspect_certificate(std::string_view pem) {
  const Certificate certificate = parse_certificate(pem);
  if (!certificate) return tls_failure("no certificate in PEM form");
  return facts_of(certificate.get());
}

dxl::Result<std::vector<CertificateFacts>> inspect_certificates(std::string_view pem) {
  auto certificates = parse_all(pem);
  if (!certificates) return dxl::fail(certificates.error());
  std::vector<CertificateFacts> all;
  for (const Certificate& certificate : *certificates) {
    auto facts = facts_of(certificate.get());
    if (!facts) return dxl::fail(facts.error());
    all.push_back(*std::move(facts));
  }
  return all;
}

dxl::Result<void> check_key(std::string_view certificate_pem, std::string_view key_pem) {
  const Certificate certificate = parse_certificate(certificate_pem);
  if (!certificate) return tls_failure("no certificate in PEM form");
  const Bio text = read_bio(key_pem);
  const Key key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
  if (!key) return tls_failure("no private key in PEM form");
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return tls_failure("the key does not belong to the certificate");
  return {};
}

dxl::Result<void> check_chain(std::string_view certificate_pem, std::string_view bundle_pem) {
  const auto sent = parse_all(certificate_pem), trusted = parse_all(bundle_pem);
  if (!sent) return dxl::fail(sent.error());
  if (!trusted) return dxl::fail(trusted.error());
  const Store store(X509_STORE_new());
  const Stack others(sk_X509_new_null());
  const StoreContext context(X509_STORE_CTX_new());
  if (!store || !others || !context) return tls_failure("cannot verify");
  for (const Certificate& each : *trusted) X509_STORE_add_cert(store.get(), each.get());
  for (const Certificate& each : *sent) sk_X509_push(others.get(), each.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_NO_CHECK_TIME);
  if (X509_STORE_CTX_init(context.get(), store.get(), sent->front().get(), others.get()) == 1 &&
      X509_verify_cert(context.get()) == 1)
    return {};
  ERR_clear_error();
  return dxl::fail(
      ErrorCode::kTls,
      fmt::format("{} does not lead to a CA of ours: {}", subject_text(sent->front().get()),
                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
}

}  // namespace tiara::broker
