#include "fabric/identity.hpp"

#include <utility>

namespace tiara::fabric {

Identity make_identity(std::vector<Thumbprints> chain, std::string subject, std::string uuid) {
  Identity identity;
  identity.chain = std::move(chain);
  identity.subject = std::move(subject);
  if (identity.chain.empty()) {
    identity.canonical_id = uuid;
    identity.instance_id = std::move(uuid);
    return identity;
  }
  for (const Thumbprints& certificate : identity.chain) {
    if (!identity.dxl_certs.empty()) identity.dxl_certs += ';';
    identity.dxl_certs += certificate.sha1;
  }
  identity.canonical_id = identity.chain.back().sha1;
  identity.instance_id = identity.canonical_id + ':' + uuid;
  return identity;
}

}  // namespace tiara::fabric
