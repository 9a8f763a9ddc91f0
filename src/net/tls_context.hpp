// What a TlsContext holds; for the TLS sources of this folder only.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "net/openssl.hpp"
#include "net/tls.hpp"

namespace tiara::net {

struct TlsContext::Impl {
  // True once for each client: the legacy suite is worth a line of the log, not one per connection.
  bool note_legacy_client(const std::string& sha1) const;

  SslContextPtr context;
  bool is_server = false;
  std::function<bool(const PeerCertificate&)> is_revoked;
  std::vector<Crl> crls;
  std::string accepted_cas;  // their subjects, for people

 private:
  mutable std::mutex legacy_mutex_;
  mutable std::unordered_set<std::string> legacy_clients_;
};

}  // namespace tiara::net
