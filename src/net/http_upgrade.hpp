// The HTTP exchange that turns a connection into a WebSocket one (RFC 6455 §4, DXL reference §1.4),
// as text in and text out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

namespace tiara::net {

// Limit of a request's or answer's head.
inline constexpr std::size_t kUpgradeBytes = 8 * 1024;

// Length of the head with its empty line; nullopt while it is incomplete.
std::optional<std::size_t> find_head_end(std::string_view received);

// What to send, and why the connection ends behind it if it does.
struct UpgradeAnswer {
  std::string http;
  std::optional<dxl::Error> refusal;
};

// Accepts GET of `/` or `/mqtt` (a query is ignored) with version 13. Of the subprotocols offered
// the first of `mqtt` and `mqttv3.1` is echoed; no offer is fine, an offer without either is not.
// Header names and tokens are compared without case, subprotocols with it. Origin is not looked at
// (the client certificate decides), extensions are not confirmed. Every refusal is an HTTP answer
// of one plain-text line; a browser's plain GET gets 426.
UpgradeAnswer answer_upgrade(std::string_view request_head);
// For a head above kUpgradeBytes.
UpgradeAnswer answer_too_large();

// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string accept_for(std::string_view key);

// The client's half. `key` from make_upgrade_key().
std::string make_upgrade_key();
std::string make_upgrade_request(std::string_view host, std::string_view path,
                                 std::string_view key);
// kConnect with the status when the broker says no, kMalformed when it is not an upgrade to what
// was asked for.
dxl::Result<void> check_upgrade_response(std::string_view response_head, std::string_view key);

}  // namespace tiara::net
