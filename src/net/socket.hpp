// System calls on non-blocking stream sockets, and what their failures mean.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "net/descriptor.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::net {

// One recv or send; never raises SIGPIPE. End of input is kEnd.
IoResult receive(int fd, char* into, std::size_t capacity);
IoResult send(int fd, std::string_view bytes);

// The peer has closed its side of the connection, or reset it.
bool peer_has_left(int fd);

// "Connection refused"
std::string system_text(int error_number);

// TCP_NODELAY, and keepalive that notices a dead peer within about two minutes.
void configure_tcp(int fd);

// "127.0.0.1:50312" or "[::1]:50312"; "unknown" when the socket is not connected any more.
std::string peer_name_of(int fd);

// Half-closes and throws away a bounded amount of input, then closes. A close with unread input
// would be a reset, and that can destroy our last words (CONNACK, a TLS alert) before the peer
// reads them.
void close_gently(Descriptor& descriptor);

// A stream on a connected socket. `tls` null: plain. `server_name`: what a TLS client asks for
// (SNI); not sent when empty or an address.
dxl::Result<std::unique_ptr<Stream>> make_socket_stream(std::unique_ptr<Descriptor> descriptor,
                                                        std::shared_ptr<const TlsContext> tls,
                                                        const std::string& server_name);

}  // namespace tiara::net
