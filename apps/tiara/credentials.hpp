// What a running broker uses of a state's keystore: TLS with its CRLs, and how long it lasts.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/revocations.hpp"
#include "dxl/result.hpp"
#include "net/certificate_check.hpp"
#include "net/tls.hpp"
#include "tiara/state.hpp"

namespace tiara::app {

inline constexpr std::size_t kMaxCrlFiles = 64;
inline constexpr std::chrono::days kWarnBefore{30};

// STATE/keystore/*.crl, by name. kLimitExceeded above kMaxCrlFiles.
dxl::Result<std::vector<std::filesystem::path>> find_crls(const broker::StatePaths& paths);

// Of one and the same certificate.
struct ListenerTls {
  std::shared_ptr<const net::TlsContext> fabric, management;
};
// From the files as they are now. `revocations` is asked at every handshake of the fabric.
dxl::Result<ListenerTls> load_tls(const State& state,
                                  std::shared_ptr<broker::Revocations> revocations);

// What the broker would say to a client with this certificate: by its CAs, its CRLs and its list of
// revoked certificates, as they are on the disk. The caller holds the keystore's lock.
dxl::Result<net::CheckedCertificate> check_client(const State& state, std::string_view pem);

// What the CRLs in force revoke, for Revocations.
std::vector<std::string> revoked_serials(const net::TlsContext& tls);

struct Expiry {
  std::string what;  // "client CA", "CRL crl.pem of CN=…"
  std::chrono::system_clock::time_point when;
};
// CAs, broker, service, CRLs; first to expire first.
std::vector<Expiry> find_expiries(const State& state, const net::TlsContext& tls);
// Rounded down; negative once it is over.
std::int64_t days_left(const Expiry& expiry, std::chrono::system_clock::time_point now);
// The words for the log; empty while there is more than kWarnBefore left.
std::string expiry_warning(const Expiry& expiry, std::chrono::system_clock::time_point now);
// Of all that are near or over.
std::vector<std::string> expiry_warnings(const std::vector<Expiry>& expiries);
void log_expiries(const std::vector<Expiry>& expiries);

}  // namespace tiara::app
