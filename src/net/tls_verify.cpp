#include "net/tls_verify.hpp"

#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "net/tls_context.hpp"

namespace tiara::net {
namespace {

std::string digest_of(const X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  if (X509_digest(certificate, digest, bytes.data(), &size) != 1) return {};
  return base::to_hex({reinterpret_cast<const char*>(bytes.data()), size});
}

std::string date_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

std::string unknown_ca(const X509* certificate, const TlsContext::Impl& context) {
  return fmt::format("unknown CA: {} was issued by {}; accepted are certificates of {}",
                     subject_of(certificate), name_text(X509_get_issuer_name(certificate)),
                     context.accepted_cas);
}

std::string reason_text(int error, const X509* certificate, const TlsContext::Impl& context) {
  if (certificate == nullptr) return X509_verify_cert_error_string(error);
  const std::string subject = subject_of(certificate);
  const std::string issuer = name_text(X509_get_issuer_name(certificate));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("it has expired: {} was valid until {}", subject,
                         date_text(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("it is not yet valid: {} is valid from {}; compare the clocks", subject,
                         date_text(X509_get0_notBefore(certificate)));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return unknown_ca(certificate, context);
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return fmt::format("the chain is too long: more than {} CAs between {} and its root",
                         kMaxIntermediateCas, subject);
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return fmt::format("the chain is too long: {} may not sign CAs (path length)", subject);
    case X509_V_ERR_CERT_REVOKED:
      return fmt::format("it is revoked: {} (sha1 {}), by the CRL of {}", subject,
                         digest_of(certificate, EVP_sha1()), issuer);
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return fmt::format("the CRL of {} has expired; nobody of that CA gets in without a new one",
                         issuer);
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return fmt::format("the CRL of {} is not yet valid; compare the clocks", issuer);
    default:
      return fmt::format("{} (subject {})", X509_verify_cert_error_string(error), subject);
  }
}

// Only a CA that has a CRL is held to it.
bool has_crl(const X509* certificate, const TlsContext::Impl& context) {
  const std::string issuer = name_text(X509_get_issuer_name(certificate));
  return std::any_of(context.crls.begin(), context.crls.end(),
                     [&](const Crl& crl) { return crl.issuer == issuer; });
}

// OpenSSL accepts the certificate; the list of thumbprints may not. It is asked for each
// certificate of the chain.
bool is_on_the_list(X509_STORE_CTX* store, const X509* certificate, VerifyFailure& failure) {
  if (!failure.context->is_revoked || certificate == nullptr) return false;
  const PeerCertificate described = describe_certificate(certificate);
  if (!failure.context->is_revoked(described)) return false;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
  if (failure.text.empty())
    failure.text = fmt::format("it is revoked: {} (sha1 {})", described.subject, described.sha1);
  return true;
}

}  // namespace

int check_certificate(int accepted, X509_STORE_CTX* store) {
  const auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const failure = static_cast<VerifyFailure*>(SSL_get_app_data(ssl));
  if (failure == nullptr) return accepted;
  const X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  if (accepted == 1) return is_on_the_list(store, certificate, *failure) ? 0 : 1;
  const int error = X509_STORE_CTX_get_error(store);
  if (error == X509_V_ERR_UNABLE_TO_GET_CRL && certificate != nullptr &&
      !has_crl(certificate, *failure->context)) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  if (failure->text.empty()) failure->text = reason_text(error, certificate, *failure->context);
  return 0;
}

PeerCertificate describe_certificate(const X509* certificate) {
  return {digest_of(certificate, EVP_sha1()), digest_of(certificate, EVP_sha256()),
          subject_of(certificate),
          issuer_serial_of(X509_get_issuer_name(certificate), X509_get0_serialNumber(certificate))};
}

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, FreeWith<BIO_free>> text(BIO_new(BIO_s_mem()));
  if (text == nullptr || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  const std::string_view whole(data, static_cast<std::size_t>(size));
  if (whole.size() <= kMaxSubjectBytes) return std::string(whole);
  return fmt::format("{}...", whole.substr(0, kMaxSubjectBytes - 3));
}

std::string subject_of(const X509* certificate) {
  return name_text(X509_get_subject_name(certificate));
}

std::string issuer_serial_of(const X509_NAME* issuer, const ASN1_INTEGER* serial) {
  const unsigned char* name = nullptr;
  std::size_t name_size = 0;
  unsigned char* number = nullptr;
  const int number_size = i2d_ASN1_INTEGER(serial, &number);
  if (number_size <= 0) return {};
  std::string text;
  if (X509_NAME_get0_der(issuer, &name, &name_size) == 1) {
    text.assign(reinterpret_cast<const char*>(name), name_size);
    text.append(reinterpret_cast<const char*>(number), static_cast<std::size_t>(number_size));
  }
  OPENSSL_free(number);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (text.empty() ||
      EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
    return {};
  return base::to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace tiara::net
