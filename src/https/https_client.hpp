// GET over HTTPS from one server, for the management port of a broker (DXL reference §7.4). The
// server's certificate is verified unless that is switched off by name. Nothing else is contacted:
// redirects are followed within the same scheme, host and port only, and no proxy is used.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::https {

// Of all certificates and broker lines a console sends; a real answer has a few kilobytes.
inline constexpr std::size_t kMostAnswerBytes = 1024 * 1024;
// Status line and header fields of one answer.
inline constexpr std::size_t kMostHeadBytes = 64 * 1024;
// The original console needs two; its clients follow five.
inline constexpr int kMostRedirects = 5;

struct HttpsClientOptions {
  std::string host;  // name, IPv4 or IPv6 address without brackets
  std::uint16_t port = 8443;
  std::string trusted_pem;  // CAs; empty: those of the system
  bool verify = true;       // false: whoever answers gets the password
  std::string user, password;
  std::chrono::milliseconds timeout{30'000};  // of one get(), with its redirects
  // What happens, one line each; without parameters, cookies and passwords.
  std::function<void(const std::string&)> on_step{};
};

struct HttpsAnswer {
  int status = 0;
  std::string reason;  // of the status line
  std::string body;
};

// One connection and its cookies. Not for several threads at once.
class HttpsClient {
 public:
  static dxl::Result<std::unique_ptr<HttpsClient>> make(HttpsClientOptions options);
  ~HttpsClient();
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;

  // `path` begins with '/' and is sent as it is; the parameters are encoded. The user's name and
  // password go with every request, unasked. Any status is an answer. kConnect, kTls, kTimedOut;
  // kLimitExceeded for an answer that is too large; kMalformed for one that is not HTTP; kPeer for
  // redirects to elsewhere or without end.
  dxl::Result<HttpsAnswer> get(const std::string& path,
                               const std::vector<std::pair<std::string, std::string>>& parameters);

 private:
  struct Impl;
  explicit HttpsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::https
