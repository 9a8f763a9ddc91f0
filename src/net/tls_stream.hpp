// TLS over a socket; which side it is on is the context's.
#pragma once

#include <memory>
#include <string>

#include "net/descriptor.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::net {

// kTls when OpenSSL has no memory. `server_name` as in make_socket_stream.
dxl::Result<std::unique_ptr<Stream>> make_tls_stream(std::unique_ptr<Descriptor> descriptor,
                                                     std::shared_ptr<const TlsContext> context,
                                                     const std::string& server_name);

}  // namespace tiara::net
