// HTTP/1.x as values: the head of a request in, a request or its refusal out; a response in, bytes
// out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::net {

// What a handler needs of a request. Bodies do not exist here.
struct HttpRequest {
  std::string method;  // "GET" or "HEAD"
  std::string path;    // begins with '/', percent signs as they came
  std::string query;   // behind the '?', likewise
  std::string authorization;
  std::string host;           // whom the client asked for: "broker.example.com:8443"
  std::string peer;           // "192.0.2.7:50312"
  std::string peer_address;   // "192.0.2.7"
  std::string local_address;  // ours that the peer reached
  friend bool operator==(const HttpRequest&, const HttpRequest&) = default;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  // Of the status line, where DXL clients look for the cause of a failure; empty: the usual one.
  std::string reason{};
};

// One line of plain text, in the body and in the status line.
HttpResponse refuse_request(int status, std::string why);

struct ParsedRequest {
  HttpRequest request;  // without peer and addresses
  bool keep_alive = false;
  std::optional<HttpResponse> refusal;  // the connection ends behind it
};

// `head` ends with its empty line. Refused: what is not HTTP/1, a target above `target_bytes`
// (414), methods but GET and HEAD (405), a body (413), none or several Host headers under HTTP/1.1,
// several Authorization headers. An absolute target replaces the Host header, as RFC 9112 has it.
ParsedRequest parse_request(std::string_view head, std::size_t target_bytes);

// Content-Length, Date and Connection are added; line ends in headers become spaces.
std::string to_http(const HttpResponse& response, bool keep_alive, bool with_body);

// The value of a parameter in a query, decoded: '+' and %XX. nullopt when it is absent; kMalformed
// for a broken escape anywhere in the query, or for a parameter that is there twice.
dxl::Result<std::optional<std::string>> find_parameter(std::string_view query,
                                                       std::string_view name);

}  // namespace tiara::net
