#include "net/http_message.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>

// g++ 12 in C++20 mode does not compile the coroutine support of Asio 1.74.
#define BOOST_ASIO_DISABLE_CO_AWAIT
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace tiara::net {
namespace {

namespace http = boost::beast::http;
using dxl::ErrorCode;

constexpr std::size_t kReasonBytes = 256;  // of a status line

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Visible ASCII and spaces; everything else would end the line or confuse who reads it.
std::string one_line(std::string_view text, std::size_t limit) {
  std::string line(text.substr(0, limit));
  for (char& c : line)
    if (c < ' ' || c > '~') c = ' ';
  return line;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::optional<char> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<char>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<char>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<char>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> decode_form(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

// What is before and behind the first `at`; without it, all is before.
std::pair<std::string_view, std::string_view> cut(std::string_view text, char at) {
  const std::size_t end = text.find(at);
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), text.substr(end + 1)};
}

using Request = http::request_header<>;

bool has_body(const Request& request) {
  if (request.count(http::field::transfer_encoding) > 0) return true;
  const auto length = request.find(http::field::content_length);
  return length != request.end() && length->value() != "0";
}

// "https://broker:8443/path" → authority and "/path"; nullopt when it is neither that nor a path.
struct Target {
  std::optional<std::string_view> authority;
  std::string_view path_and_query;
};
std::optional<Target> split_target(std::string_view target) {
  if (target.starts_with('/')) return Target{std::nullopt, target};
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (end == 0) return std::nullopt;
    const std::string_view rest = target.substr(end);
    return Target{target.substr(0, end), rest.starts_with('/') ? rest : "/"};
  }
  return std::nullopt;
}

ParsedRequest refused(HttpResponse response) { return {{}, false, std::move(response)}; }

ParsedRequest to_request(const Request& request, std::size_t target_bytes, bool keep_alive) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    HttpResponse response = refuse_request(405, "only GET and HEAD are answered here");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return refused(std::move(response));
  }
  const std::string_view whole = view(request.target());
  if (whole.size() > target_bytes)
    return refused(
        refuse_request(414, fmt::format("a target above {} bytes (target_bytes)", target_bytes)));
  if (has_body(request)) return refused(refuse_request(413, "a request with a body"));
  const bool needs_host = request.version() >= 11;
  if (request.count(http::field::host) > 1 || (needs_host && request.count(http::field::host) == 0))
    return refused(refuse_request(400, "expected one Host header"));
  if (request.count(http::field::authorization) > 1)
    return refused(refuse_request(400, "expected one Authorization header"));
  const auto target = split_target(whole);
  if (!target || whole.find('#') != std::string_view::npos)
    return refused(refuse_request(400, "the target is not a path"));

  ParsedRequest parsed;
  parsed.keep_alive = keep_alive;
  HttpRequest& result = parsed.request;
  result.method = view(request.method_string());
  const std::size_t mark = target->path_and_query.find('?');
  result.path = target->path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) result.query = target->path_and_query.substr(mark + 1);
  result.authorization = view(request[http::field::authorization]);
  result.host = target->authority.value_or(view(request[http::field::host]));
  return parsed;
}

}  // namespace

HttpResponse refuse_request(int status, std::string why) {
  HttpResponse response;
  response.status = status;
  response.body = why + "\n";
  response.reason = std::move(why);
  return response;
}

ParsedRequest parse_request(std::string_view head, std::size_t target_bytes) {
  // RFC 9112 §5.2: what the next reader would take for another field.
  if (head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos)
    return refused(refuse_request(400, "a header field that goes on in the next line"));
  http::request_parser<http::empty_body> parser;
  parser.skip(true);  // of a body only the header fields matter
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error && error != http::error::need_more)
    return refused(refuse_request(400, "not a request in HTTP/1: " + error.message()));
  if (!parser.is_header_done()) return refused(refuse_request(400, "an incomplete request"));
  return to_request(parser.get().base(), target_bytes, parser.keep_alive());
}

std::string to_http(const HttpResponse& response, bool keep_alive, bool with_body) {
  const auto usual = view(http::obsolete_reason(static_cast<http::status>(response.status)));
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nDate: {}\r\n", response.status,
      response.reason.empty() ? std::string(usual) : one_line(response.reason, kReasonBytes),
      response.content_type, response.body.size(), now_text());
  for (const auto& [name, value] : response.headers)
    text += fmt::format("{}: {}\r\n", one_line(name, name.size()), one_line(value, value.size()));
  text += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (with_body) text += response.body;
  return text;
}

dxl::Result<std::optional<std::string>> find_parameter(std::string_view query,
                                                       std::string_view name) {
  std::optional<std::string> found;
  while (!query.empty()) {
    const auto [pair, rest] = cut(query, '&');
    const auto [name_text, value_text] = cut(pair, '=');
    const auto key = decode_form(name_text);
    auto value = decode_form(value_text);
    query = rest;
    if (!key || !value)
      return dxl::fail(ErrorCode::kMalformed, "query: a % without two hexadecimal digits");
    if (*key != name) continue;
    if (found)
      return dxl::fail(ErrorCode::kMalformed, fmt::format("query: {} is there twice", name));
    found = std::move(*value);
  }
  return found;
}

}  // namespace tiara::net
