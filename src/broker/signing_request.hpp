// A peer's request for a certificate (PKCS#10, DXL reference §7.2), checked and cut down to what is
// taken over: the key and the subject. Its extensions and attributes are dropped, as the original
// does; the certificate gets ours.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

namespace tiara::broker {

inline constexpr std::size_t kSigningRequestBytes = 16 * 1024;

struct SigningRequest {
  std::string common_name;     // UTF-8
  std::string subject_der;     // the whole name
  std::string public_key_der;  // SubjectPublicKeyInfo
};

// Whether a client may have this common name, however it gets its certificate: 1 to 64 characters
// that can all be seen, and not one that people take for the broker's own. kInvalidArgument.
dxl::Result<void> check_client_name(std::string_view common_name);

// Accepted: PEM of at most kSigningRequestBytes; RSA of 2048 to 8192 bits, or EC on P-256 or P-384;
// signed by that key with SHA-256, SHA-384 or SHA-512; a subject of at most 16 parts without
// control characters, with one common name that check_client_name() accepts. kLimitExceeded,
// kMalformed or kInvalidArgument say what is wrong, in words for the one who made it.
dxl::Result<SigningRequest> parse_signing_request(std::string_view pem);

}  // namespace tiara::broker
