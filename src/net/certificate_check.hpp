// What a listener would say to a client's certificate, without a connection.
#pragma once

#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::net {

struct CheckedCertificate {
  PeerCertificate certificate;  // the first in the text
  std::string refusal;          // as the listener's log has it: "it has expired: …"; empty: none
  bool is_revoked = false;  // it or a CA of its chain, by a CRL or by TlsServerOptions::is_revoked
};

// The certificates behind the first in `pem` help to find the way to a CA. kTls when there is none.
dxl::Result<CheckedCertificate> check_client_certificate(const TlsContext& server,
                                                         std::string_view pem);

}  // namespace tiara::net
