// TLS contexts on OpenSSL 3: certificates, verification, and the stream that drives OpenSSL on a
// non-blocking socket.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "net/crl.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace tiara::net {

// CAs between a certificate and its root. Nobody's chain is that long; each costs a verification.
inline constexpr int kMaxIntermediateCas = 4;

struct TlsServerOptions {
  // Offer AES128-SHA256 (static RSA) under TLS 1.2, the OpenDXL Python client's only suite there.
  bool legacy_python_ciphers = false;
  // PEM. A CA that has a CRL here is checked against it; an expired one lets nobody of that CA in.
  std::vector<std::filesystem::path> crls{};
  // Asked for every certificate of a verified chain, on the thread that shakes hands. Empty: none.
  std::function<bool(const PeerCertificate&)> is_revoked{};
};

// Immutable once made; shared by all connections. No session cache and no tickets: a resumed
// session would carry no verified chain (DXL reference §1.2).
class TlsContext {
 public:
  struct Files {
    std::filesystem::path certificate;  // PEM, leaf first; a chain may follow
    std::filesystem::path private_key;  // PEM, unencrypted
    std::filesystem::path ca_bundle;    // PEM, what the peer is verified against
  };
  // Listener: TLS 1.2 and 1.3, client certificate required.
  static dxl::Result<std::shared_ptr<const TlsContext>> make_server(
      const Files& files, const TlsServerOptions& options = {});
  // HTTPS: as a listener, but nobody is asked for a certificate, and without old suites.
  static dxl::Result<std::shared_ptr<const TlsContext>> make_https_server(
      const std::filesystem::path& certificate, const std::filesystem::path& private_key);
  // Client: CA validation, no host name check (broker certificates carry no names, DXL reference
  // §1.2).
  static dxl::Result<std::shared_ptr<const TlsContext>> make_client(const Files& files);
  ~TlsContext();

  const std::vector<Crl>& crls() const;  // in force, those of unknown CAs left out

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
