#include "net/tls_error.hpp"

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tiara::net {
namespace {

// Reasons above this are the peer's alerts: 1000 + number of the alert (RFC 8446 §6).
constexpr int kAlertBase = 1000;

struct AlertHint {
  int reason;
  const char* to_client;
  const char* to_server;
};

constexpr std::array kCertificateAlerts{
    AlertHint{SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it was issued by a CA this broker does not trust",
              "the CA that issued it is not in the client's brokercerts"},
    AlertHint{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it is damaged or not acceptable to this broker",
              "it is damaged or not acceptable to the client"},
    AlertHint{SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "its key or purpose is not supported",
              "its key or purpose is not supported"},
    AlertHint{SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "it has been revoked", "it has been revoked"},
    AlertHint{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
              "it has expired, or a CRL of the broker has: the broker's log tells",
              "it has expired"},
    AlertHint{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "it could not be verified",
              "the client could not verify it"},
    AlertHint{SSL_R_TLSV1_ALERT_ACCESS_DENIED, "it is not allowed to connect",
              "the client denied access"},
    AlertHint{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
              "none was sent; this broker requires a client certificate", "none was sent"},
};

dxl::Error tls_error(std::string message) { return {dxl::ErrorCode::kTls, std::move(message), 0}; }

dxl::Error describe_alert(bool is_server, int reason, const char* text) {
  const auto* const hint =
      std::find_if(kCertificateAlerts.begin(), kCertificateAlerts.end(),
                   [reason](const AlertHint& entry) { return entry.reason == reason; });
  const char* const peer = is_server ? "client" : "broker";
  if (hint == kCertificateAlerts.end()) {
    return tls_error(fmt::format("the {} ended the TLS handshake ({})", peer, text));
  }
  return tls_error(fmt::format("the {} refused our certificate ({}): {}", peer, text,
                               is_server ? hint->to_server : hint->to_client));
}

}  // namespace

dxl::Error describe_tls_failure(bool is_server, const VerifyFailure& failure) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  const std::string text = take_openssl_reason("no reason given");
  if (reason > kAlertBase) return describe_alert(is_server, reason, text.c_str());
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return tls_error(fmt::format("{} certificate not trusted: {}",
                                   is_server ? "client" : "broker",
                                   failure.text.empty() ? text : failure.text));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return tls_error("client sent no certificate; this broker requires one");
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
      return tls_error(fmt::format("the {} does not speak TLS on this port ({})",
                                   is_server ? "client" : "broker", text));
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return tls_error(fmt::format("no TLS version in common, 1.2 is the least ({})", text));
    case SSL_R_NO_SHARED_CIPHER:
      return tls_error(
          "no cipher suite in common with the client; the OpenDXL Python client under TLS 1.2 "
          "needs "
          "tls.legacy_python_ciphers = true in tiara.toml (AES128-SHA256) and an RSA certificate");
    default:
      return tls_error("TLS: " + text);
  }
}

std::string take_openssl_reason(std::string_view otherwise) {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  std::string text(reason != nullptr ? std::string_view(reason) : otherwise);
  ERR_clear_error();
  return text;
}

}  // namespace tiara::net
