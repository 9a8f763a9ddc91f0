// TLS contexts on OpenSSL 3: certificates, verification, and the stream that drives OpenSSL on a
// non-blocking socket.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "dxl/result.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace tiara::net {

// Immutable once made; shared by all connections. No session cache and no tickets: a resumed
// session would carry no verified chain (DXL reference §1.2).
class TlsContext {
 public:
  struct Files {
    std::filesystem::path certificate;  // PEM, leaf first; a chain may follow
    std::filesystem::path private_key;  // PEM, unencrypted
    std::filesystem::path ca_bundle;    // PEM, what the peer is verified against
  };
  // Listener: TLS 1.2 and 1.3, client certificate required. AES128-SHA256 (static RSA) stays
  // available under 1.2 for the Python client, unless `legacy_ciphers` is false.
  static dxl::Result<std::shared_ptr<const TlsContext>> make_server(const Files& files,
                                                                    bool legacy_ciphers = true);
  // HTTPS: as a listener, but nobody is asked for a certificate, and without old suites.
  static dxl::Result<std::shared_ptr<const TlsContext>> make_https_server(
      const std::filesystem::path& certificate, const std::filesystem::path& private_key);
  // Client: CA validation, no host name check (broker certificates carry no names, DXL reference
  // §1.2).
  static dxl::Result<std::shared_ptr<const TlsContext>> make_client(const Files& files);
  ~TlsContext();

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
