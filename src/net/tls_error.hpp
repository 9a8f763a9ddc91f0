// What OpenSSL has to say, in words a user can act on.
#pragma once

#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "net/openssl.hpp"
#include "net/tls_verify.hpp"

namespace tiara::net {

// kTls, from the calling thread's error queue, which it empties.
dxl::Error describe_tls_failure(bool is_server, const VerifyFailure& failure);

// The queue's first reason ("no start line"), or `otherwise`. Empties the queue.
std::string take_openssl_reason(std::string_view otherwise);

}  // namespace tiara::net
