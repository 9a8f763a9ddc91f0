// What OpenSSL has to say, in words a user can act on.
#pragma once

#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "net/openssl.hpp"

namespace tiara::net {

// Why the peer's certificate was not accepted, recorded by the verify callback: afterwards the
// certificate is no longer at hand.
struct VerifyFailure {
  std::string text;  // "<reason> (subject …)"; empty: none
};

// Installed on every context; expects a VerifyFailure as the SSL's app data.
int record_verify_failure(int accepted, X509_STORE_CTX* store);

// kTls, from the calling thread's error queue, which it empties.
dxl::Error describe_tls_failure(bool is_server, const VerifyFailure& failure);

// The queue's first reason ("no start line"), or `otherwise`. Empties the queue.
std::string take_openssl_reason(std::string_view otherwise);

// RFC 2253 text.
std::string subject_of(const X509* certificate);

}  // namespace tiara::net
