#include "net/http_upgrade.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

// g++ 12 in C++20 mode does not compile the coroutine support of Asio 1.74.
#define BOOST_ASIO_DISABLE_CO_AWAIT
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace tiara::net {
namespace {

namespace http = boost::beast::http;
using dxl::ErrorCode;
using dxl::fail;

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kQuotedBytes = 64;  // of the peer's text in our messages

// Text of the peer for a message of ours.
std::string quote(std::string_view text) {
  std::string quoted(text.substr(0, kQuotedBytes));
  for (char& c : quoted) {
    if (c < ' ' || c > '~' || c == '"') c = '?';
  }
  return fmt::format("\"{}\"{}", quoted, text.size() > kQuotedBytes ? "..." : "");
}

std::string to_base64(const unsigned char* bytes, std::size_t size) {
  std::string text((size + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

// 16 bytes in base64: 22 characters and two of padding.
bool is_key(std::string_view key) {
  constexpr std::size_t kDigits = 22;
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  };
  return key.size() == kDigits + 2 && key.substr(kDigits) == "==" &&
         std::all_of(key.begin(), key.begin() + kDigits, is_digit);
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

template <class Message>
bool has_token(const Message& message, http::field name, std::string_view token) {
  const auto range = message.equal_range(name);
  return std::any_of(range.first, range.second, [&](const auto& field) {
    return http::token_list(field.value()).exists({token.data(), token.size()});
  });
}

using Request = http::request_header<>;

bool has_body(const Request& request) {
  if (request.count(http::field::transfer_encoding) > 0) return true;
  const auto length = request.find(http::field::content_length);
  return length != request.end() && length->value() != "0";
}

struct Subprotocols {
  bool offered = false;
  std::string_view chosen;
};

Subprotocols choose_subprotocol(const Request& request) {
  const auto range = request.equal_range(http::field::sec_websocket_protocol);
  Subprotocols result;
  for (auto field = range.first; field != range.second; ++field) {
    for (const auto token : http::token_list(field->value())) {
      result.offered = true;
      if (token == "mqtt") return {true, "mqtt"};
      if (token == "mqttv3.1") return {true, "mqttv3.1"};
    }
  }
  return result;
}

constexpr std::string_view kUpgradeTo =
    "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n";
constexpr std::string_view kClose = "Connection: close\r\n";

UpgradeAnswer refuse(int status, const std::string& why, std::string_view fields = kClose,
                     ErrorCode code = ErrorCode::kMalformed) {
  const auto reason = view(http::obsolete_reason(static_cast<http::status>(status)));
  return {fmt::format("HTTP/1.1 {} {}\r\n{}Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Length: {}\r\n\r\n{}\n",
                      status, reason, fields, why.size() + 1, why),
          dxl::Error{code, fmt::format("WebSocket upgrade refused ({}): {}", status, why)}};
}

UpgradeAnswer answer(const Request& request) {
  if (request.method() != http::verb::get) {
    return refuse(
        405,
        fmt::format("method {}, only GET is answered here", quote(view(request.method_string()))),
        "Allow: GET\r\nConnection: close\r\n");
  }
  if (request.version() < 11) return refuse(400, "HTTP/1.1 is needed");
  if (!has_token(request, http::field::upgrade, "websocket")) {
    return refuse(
        426,
        "this port speaks MQTT over WebSockets, for OpenDXL clients; there is nothing here "
        "for a web browser",
        kUpgradeTo);
  }
  const std::string_view target = view(request.target());
  const std::string_view path = target.substr(0, target.find('?'));
  if (path != "/" && path != "/mqtt") {
    return refuse(404, fmt::format("no path {}, use / or /mqtt", quote(path)));
  }
  if (!has_token(request, http::field::connection, "upgrade")) {
    return refuse(400, "the header \"Connection: Upgrade\" is missing");
  }
  if (has_body(request)) return refuse(400, "an upgrade request with a body");
  if (request.count(http::field::sec_websocket_version) != 1 ||
      request[http::field::sec_websocket_version] != "13") {
    return refuse(426,
                  fmt::format("Sec-WebSocket-Version {}, only 13 is spoken here",
                              quote(view(request[http::field::sec_websocket_version]))),
                  kUpgradeTo);
  }
  const std::string_view key = view(request[http::field::sec_websocket_key]);
  if (request.count(http::field::sec_websocket_key) != 1 || !is_key(key)) {
    return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64, once");
  }
  const Subprotocols subprotocols = choose_subprotocol(request);
  if (subprotocols.offered && subprotocols.chosen.empty()) {
    return refuse(400, fmt::format("subprotocols {}, mqtt and mqttv3.1 are known",
                                   quote(view(request[http::field::sec_websocket_protocol]))));
  }
  // The Java client looks for the exact text of the Connection header.
  std::string http = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: {}\r\n",
      accept_for(key));
  if (subprotocols.offered) {
    http += fmt::format("Sec-WebSocket-Protocol: {}\r\n", subprotocols.chosen);
  }
  http += "\r\n";
  return {std::move(http), std::nullopt};
}

// The parser with the head in it, or why it is none.
template <class Parser>
std::optional<std::string> parse_head(Parser& parser, std::string_view head) {
  boost::system::error_code error;
  parser.header_limit(kUpgradeBytes);
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error && error != http::error::need_more) return error.message();
  if (!parser.is_header_done()) return "it is incomplete";
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> find_head_end(std::string_view received) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t at = received.find(kEnd);
  if (at == std::string_view::npos) return std::nullopt;
  return at + kEnd.size();
}

UpgradeAnswer answer_upgrade(std::string_view request_head) {
  http::request_parser<http::empty_body> parser;
  if (const auto why = parse_head(parser, request_head)) {
    return refuse(400, fmt::format("not a request in HTTP: {}", *why));
  }
  return answer(parser.get().base());
}

UpgradeAnswer answer_too_large() {
  return refuse(431, fmt::format("a request head above {} bytes", kUpgradeBytes), kClose,
                ErrorCode::kLimitExceeded);
}

std::string accept_for(std::string_view key) {
  const std::string text = fmt::format("{}{}", key, kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    return {};
  }
  return to_base64(digest.data(), size);
}

std::string make_upgrade_key() {
  std::array<unsigned char, kKeyBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  return to_base64(bytes.data(), bytes.size());
}

std::string make_upgrade_request(std::string_view host, std::string_view path,
                                 std::string_view key) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
      path, host, key);
}

dxl::Result<void> check_upgrade_response(std::string_view response_head, std::string_view key) {
  http::response_parser<http::empty_body> parser;
  const auto refuse_it = [](std::string_view why) {
    return fail(ErrorCode::kMalformed, fmt::format("WebSocket upgrade: {}", why));
  };
  if (const auto why = parse_head(parser, response_head)) {
    return refuse_it(fmt::format("the broker's answer is not HTTP: {}", *why));
  }
  const auto& response = parser.get();
  if (response.result() != http::status::switching_protocols) {
    return fail(ErrorCode::kConnect,
                fmt::format("the broker refused the WebSocket upgrade: HTTP {} {}",
                            response.result_int(), quote(view(response.reason()))));
  }
  if (!has_token(response, http::field::upgrade, "websocket") ||
      !has_token(response, http::field::connection, "upgrade")) {
    return refuse_it("the broker's answer does not upgrade to websocket");
  }
  if (view(response[http::field::sec_websocket_accept]) != accept_for(key)) {
    return refuse_it("the broker's answer is not to our request (Sec-WebSocket-Accept)");
  }
  if (response.count(http::field::sec_websocket_extensions) > 0) {
    return refuse_it("the broker wants an extension that was not asked for");
  }
  const auto subprotocol = response.find(http::field::sec_websocket_protocol);
  if (subprotocol != response.end() && subprotocol->value() != "mqtt") {
    return refuse_it(fmt::format("the broker chose the subprotocol {}, not mqtt",
                                 quote(view(subprotocol->value()))));
  }
  return {};
}

}  // namespace tiara::net
