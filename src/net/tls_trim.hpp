// What an established connection need not remember.
#pragma once

#include "net/openssl.hpp"

namespace tiara::net {

// Gives back the memory of the peer's certificates, 8 KiB of the 24 KiB that OpenSSL holds for an
// idle client. For after the handshake and for connections that neither renegotiate nor resume:
// their thumbprints must be known, OpenSSL can no longer tell them.
void forget_certificates(SSL* ssl);

}  // namespace tiara::net
