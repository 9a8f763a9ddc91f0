// A small HTTPS server for management: GET and HEAD, a handler that turns a request into a
// response, and a named limit for everything a peer may use up. Its thread gives way to the
// broker's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "net/http_message.hpp"

namespace tiara::net {

struct HttpsLimits {
  // Of request line and header fields together, and of the target alone: a request for a
  // certificate travels in it.
  std::size_t header_bytes = 32 * 1024;
  std::size_t target_bytes = 24 * 1024;
  // Beyond it, the connection that has waited longest is closed for the new one, so that silent
  // peers cannot keep others out.
  std::size_t connections = 128;
  // From the connect, or from the first byte of a later request, until the answer is sent.
  std::chrono::milliseconds request_deadline{10'000};
  std::chrono::milliseconds idle_deadline{30'000};    // between two requests
  std::chrono::milliseconds closing_deadline{2'000};  // for the peer to take our last bytes
};

struct HttpsOptions {
  std::vector<std::string> listen_addresses{"127.0.0.1", "::1"};  // numeric
  std::uint16_t port = 8443;          // 0: the kernel chooses, the same for all addresses
  std::filesystem::path certificate;  // PEM, leaf first; a chain may follow
  std::filesystem::path private_key;  // PEM, unencrypted
  HttpsLimits limits{};
};

struct HttpsStatus {
  std::uint64_t connections = 0;  // open at this moment
  std::uint64_t requests = 0;     // that reached the handler
  std::uint64_t refused = 0;      // that did not: no handshake, no HTTP, over a limit, too slow
};

class HttpsServer {
 public:
  // Called on the server's thread, one at a time. What it throws becomes a 500.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // TLS 1.2 and 1.3; no client certificate is asked for. kConnect when an address cannot be bound;
  // `::1` may be absent on the machine as long as another address works.
  static dxl::Result<std::unique_ptr<HttpsServer>> start(HttpsOptions options, Handler handler);
  ~HttpsServer();  // closes everything, joins
  // For connections that begin from now on; those that are there stay. On failure the old
  // certificate stays. Any thread but the server's.
  dxl::Result<void> set_certificate(const std::filesystem::path& certificate,
                                    const std::filesystem::path& private_key);
  std::uint16_t port() const;
  HttpsStatus status() const;  // any thread

 private:
  struct Impl;
  explicit HttpsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
