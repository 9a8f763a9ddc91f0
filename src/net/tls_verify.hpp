// Verification of the peer's certificate, in words a user can act on.
#pragma once

#include <string>

#include "net/openssl.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::net {

// A peer's names end up in the log, also those of a peer that nobody knows.
inline constexpr std::size_t kMaxSubjectBytes = 256;

// Why the peer's certificate was not accepted, recorded by the verify callback: afterwards the
// certificate is no longer at hand.
struct VerifyFailure {
  const TlsContext::Impl* context = nullptr;
  std::string text;  // "<reason>: <names>"; empty: none
};

// Installed on every context; expects a VerifyFailure as the SSL's app data.
int check_certificate(int accepted, X509_STORE_CTX* store);

PeerCertificate describe_certificate(const X509* certificate);

// RFC 2253 text: no control characters, at most kMaxSubjectBytes.
std::string name_text(const X509_NAME* name);
std::string subject_of(const X509* certificate);

// What a CRL calls a certificate: SHA-1 of issuer name and serial number.
std::string issuer_serial_of(const X509_NAME* issuer, const ASN1_INTEGER* serial);

}  // namespace tiara::net
