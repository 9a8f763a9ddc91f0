// X.509 with OpenSSL's EVP interface: RSA-2048 keys, SHA-256 signatures, PEM text in and out.
// Values only, no files. Errors are kTls with OpenSSL's reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/signing_request.hpp"
#include "dxl/result.hpp"
#include "fabric/identity.hpp"

namespace tiara::broker {

enum class CertificateKind : std::uint8_t {
  kRootCa,          // may sign CAs and leaves
  kIntermediateCa,  // may sign leaves only
  kBroker,          // TLS server, and TLS client towards other brokers
  kClient,
};

struct CertificateRequest {
  std::string common_name;  // 1 to 64 characters of UTF-8 without control characters
  CertificateKind kind = CertificateKind::kClient;
  std::chrono::hours lifetime{};  // cut to the issuer's
  // subjectAltName: host names and addresses, for peers that check whom they reached.
  std::vector<std::string> names{};
};

// Host names and addresses as OpenSSL's configuration text for subjectAltName. nullopt when one is
// neither: a name with other characters could say more than a name.
std::optional<std::string> alternative_names(const std::vector<std::string>& names);

struct KeyAndCertificate {
  std::string certificate_pem;
  std::string private_key_pem;  // PKCS#8, unencrypted
};

// Makes a new key and a certificate for it. `issuer` null: self-signed.
dxl::Result<KeyAndCertificate> issue_certificate(const CertificateRequest& request,
                                                 const KeyAndCertificate* issuer);

// A client certificate, as PEM, for the key and the subject of `request`.
dxl::Result<std::string> sign_client_certificate(const SigningRequest& request,
                                                 std::chrono::hours lifetime,
                                                 const KeyAndCertificate& issuer);

struct CertificateFacts {
  fabric::Thumbprints thumbprints;
  std::string subject;                            // RFC 2253 text
  std::chrono::system_clock::time_point expires;  // notAfter
  std::string common_name;  // the last one; empty without one, or with control characters in it
  bool is_ca = false;       // may sign others
};
// Of the first certificate in `pem`.
dxl::Result<CertificateFacts> inspect_certificate(std::string_view pem);

// Of all of them; an error if there is none, or if one is damaged.
dxl::Result<std::vector<CertificateFacts>> inspect_certificates(std::string_view pem);

// Whether the key is that of the first certificate.
dxl::Result<void> check_key(std::string_view certificate_pem, std::string_view key_pem);
// Whether the first certificate, with those behind it, leads to a root in `bundle_pem`. Dates are
// not looked at.
dxl::Result<void> check_chain(std::string_view certificate_pem, std::string_view bundle_pem);

}  // namespace tiara::broker
