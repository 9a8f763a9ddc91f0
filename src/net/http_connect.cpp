#include "net/http_connect.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/hex.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;

constexpr std::size_t kMaxHostBytes = 255;
constexpr std::size_t kMaxReasonBytes = 100;
constexpr std::size_t kStatusDigits = 3;
constexpr std::size_t kStatusAt = std::string_view("HTTP/1.1 ").size();

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool may_be_in_host(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
         c == '_' || c == ':' || c == '%';
}

// What is fit for a log line.
std::string printable(std::string_view text) {
  std::string shown(text.substr(0, kMaxReasonBytes));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return is_control(c) || (c & 0x80) != 0; }, '?');
  return shown;
}

}  // namespace

std::string authority_of(std::string_view host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

dxl::Result<std::string> make_connect_request(const Proxy& proxy, std::string_view host,
                                              std::uint16_t port) {
  if (host.empty() || host.size() > kMaxHostBytes ||
      !std::all_of(host.begin(), host.end(), may_be_in_host)) {
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("not a host name or address: \"{}\"", printable(host)));
  }
  const std::string target = authority_of(host, port);
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
  if (!proxy.user.empty()) {
    const auto in_user = [](char c) { return c == ':' || is_control(c); };
    if (std::any_of(proxy.user.begin(), proxy.user.end(), in_user) ||
        std::any_of(proxy.password.begin(), proxy.password.end(), is_control)) {
      return dxl::fail(ErrorCode::kInvalidArgument,
                       "[Proxy] User and Password: no control characters, and no colon in User");
    }
    request += "Proxy-Authorization: Basic " +
               base::to_base64(fmt::format("{}:{}", proxy.user, proxy.password)) + "\r\n";
  }
  return request + "\r\n";
}

dxl::Result<void> check_connect_response(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::string_view digits = line.substr(std::min(kStatusAt, line.size()), kStatusDigits);
  const bool is_http =
      line.starts_with("HTTP/1.") && line.size() >= kStatusAt + kStatusDigits &&
      is_digit(line[kStatusAt - 2]) && line[kStatusAt - 1] == ' ' &&
      std::all_of(digits.begin(), digits.end(), is_digit) &&
      (line.size() == kStatusAt + kStatusDigits || line[kStatusAt + kStatusDigits] == ' ');
  if (!is_http) {
    return dxl::fail(ErrorCode::kMalformed, "the proxy's answer to CONNECT is not HTTP");
  }
  if (digits.front() == '2') return {};
  const std::string words = printable(line.substr(kStatusAt));
  if (digits == "407") {
    return dxl::fail(ErrorCode::kNotAuthorised,
                     fmt::format("the proxy wants another User or Password: HTTP {}", words));
  }
  return dxl::fail(digits == "403" ? ErrorCode::kNotAuthorised : ErrorCode::kConnect,
                   fmt::format("the proxy refused the connection: HTTP {}", words));
}

}  // namespace tiara::net
