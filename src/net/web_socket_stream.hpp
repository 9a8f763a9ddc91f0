// MQTT over WebSockets (RFC 6455, DXL reference §1.4) on top of TLS or TCP. The MQTT bytes pass
// through: a message's frames are not put together, so nothing is held per message, and a stream
// between two frames owns no buffer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "net/stream.hpp"

namespace tiara::net {

// One write goes out as one binary frame, unless it is longer than this.
inline constexpr std::size_t kMaxWebSocketPayload = 64 * 1024;

// The listener's side: handshake() runs `inner`'s, then answers the HTTP upgrade
// (http_upgrade.hpp). kFailed behind a request that is refused, once the HTTP answer is out.
//
// read() may be kDone with 0 bytes: only frames without payload for us came (ping, pong, empty).
// After kWouldBlock of write() the caller offers the same bytes again, more may follow them; that
// is what TLS asks for as well. move_to() is for a stream without pending waits.
std::unique_ptr<Stream> make_web_socket_server_stream(std::unique_ptr<Stream> inner);

// The connecting side: asks for `path` and subprotocol `mqtt`, masks what it sends. `host` is the
// Host header, "broker.example:443".
std::unique_ptr<Stream> make_web_socket_client_stream(std::unique_ptr<Stream> inner,
                                                      const std::string& host,
                                                      const std::string& path = "/mqtt");

}  // namespace tiara::net
