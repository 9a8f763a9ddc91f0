#include "net/tls_trim.hpp"

#include <openssl/err.h>

#include <array>

namespace tiara::net {
namespace {

// The least that is a certificate (RFC 5280 §4.1): no names, no extensions, and a key of an
// algorithm that nobody can decode.
constexpr std::array<unsigned char, 66>
    kNoCertificate{
        0x30, 0x40,                    // Certificate
        0x30, 0x36,                    //   TBSCertificate
        0x02, 0x01, 0x01,              //     serial number
        0x30, 0x03, 0x06, 0x01, 0x00,  //     signature algorithm: object 0.0
        0x30, 0x00,                    //     issuer
        0x30, 0x1E,                    //     validity
        0x17, 0x0D, '7',  '0',  '0',  '1',  '0', '1', '0',  '0',  '0',
        '0',  '0',  '0',  'Z',  0x17, 0x0D, '7', '0', '0',  '1',  '0',
        '1',  '0',  '0',  '0',  '0',  '0',  '0', 'Z', 0x30, 0x00,  //     subject
        0x30, 0x08,                                                //     public key
        0x30, 0x03, 0x06, 0x01, 0x00,                              //       algorithm: object 0.0
        0x03, 0x01, 0x00,                                          //       no bits
        0x30, 0x03, 0x06, 0x01, 0x00,  //   signature algorithm: object 0.0
        0x03, 0x01, 0x00,              //   no signature
    };

void empty(STACK_OF(X509) * chain) {
  while (chain != nullptr && sk_X509_num(chain) > 0) X509_free(sk_X509_pop(chain));
}

}  // namespace

void forget_certificates(SSL* ssl) {
  empty(SSL_get_peer_cert_chain(ssl));
  empty(SSL_get0_verified_chain(ssl));
  // The session owns the leaf and has no way to let go of it. Decoding into an object replaces what
  // is in it, and this one is nobody else's: it was parsed for this connection.
  X509* const leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return;
  X509_up_ref(leaf);  // a failure to decode (no memory) gives a reference back
  X509* into = leaf;
  const unsigned char* bytes = kNoCertificate.data();
  if (d2i_X509(&into, &bytes, static_cast<long>(kNoCertificate.size())) != nullptr) {
    X509_free(leaf);
  }
  ERR_clear_error();
}

}  // namespace tiara::net
