// The HTTP exchange with a proxy that opens a tunnel (CONNECT, DXL reference §1.5), as text in and
// text out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

namespace tiara::net {

// Limit of the proxy's answer.
inline constexpr std::size_t kProxyAnswerBytes = 16 * 1024;

// A proxy, and who one is there (Basic authentication; no user: none).
struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string user{};
  std::string password{};  // never appears in a message
};

// "host:port", an IPv6 address in brackets.
std::string authority_of(std::string_view host, std::uint16_t port);

// kInvalidArgument: a host that is no host name or address (it would end up in the request), or a
// user with a colon or control characters.
dxl::Result<std::string> make_connect_request(const Proxy& proxy, std::string_view host,
                                              std::uint16_t port);

// `head` with its empty line. kNotAuthorised for 407 and 403, kConnect for other refusals, both
// with the status; kMalformed when it is not HTTP.
dxl::Result<void> check_connect_response(std::string_view head);

}  // namespace tiara::net
