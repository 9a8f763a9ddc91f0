// Certificate revocation lists (RFC 5280 §5) as values.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::net {

inline constexpr std::size_t kMaxCrlEntries = 200'000;  // of one list

struct Crl {
  std::string file;                                                  // where it came from
  std::string issuer;                                                // RFC 2253 text
  std::optional<std::chrono::system_clock::time_point> next_update;  // absent: never expires
  // What it revokes: SHA-1 of issuer name and serial number, as in PeerCertificate.
  std::vector<std::string> issuer_serials;
};

}  // namespace tiara::net
