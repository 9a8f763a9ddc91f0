// CRL files into a TLS context.
#pragma once

#include <filesystem>
#include <vector>

#include "dxl/result.hpp"
#include "net/crl.hpp"
#include "net/openssl.hpp"

namespace tiara::net {

// Adds every CRL of `files` whose issuer is among the context's CAs and turns the check on; the
// others are logged and left out. kConfiguration when a file is no CRL in PEM form, kLimitExceeded
// when it is too long, kTls when another key than its issuer's has signed it.
dxl::Result<std::vector<Crl>> load_crls(SSL_CTX* context,
                                        const std::vector<std::filesystem::path>& files);

}  // namespace tiara::net
