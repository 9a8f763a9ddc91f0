// What a TlsContext holds; for the TLS sources of this folder only.
#pragma once

#include "net/openssl.hpp"
#include "net/tls.hpp"

namespace tiara::net {

struct TlsContext::Impl {
  SslContextPtr context;
  bool is_server = false;
};

}  // namespace tiara::net
