// Revocation on one I/O thread: whom it ends, and who is told.
#include <utility>

#include "base/log.hpp"
#include "broker/hub.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;

constexpr std::string_view kArea = "broker";

}  // namespace

// Every hub does it for its own.
void Hub::end_revoked(const fabric::Outcome& outcome) {
  for (const fabric::ConnectionId id : outcome.revoked)
    if (ClientConnection* client = find(id)) client->revoke();
}

bool Hub::pass_on(ClientConnection& client, fabric::Change& change) {
  auto* const revoked = std::get_if<fabric::CertificatesRevoked>(&change);
  if (revoked == nullptr) return false;
  base::log(LogLevel::kWarning, kArea, "client {} revokes {} certificates", client.label(),
            revoked->thumbprints.size());
  if (!shared_.on_revocation) return false;
  shared_.on_revocation(std::move(revoked->thumbprints));
  return true;
}

void Hub::note_complaint(const ClientConnection& client) {
  const std::string_view complaint = router_.refusal_detail();
  if (complaint.empty()) return;
  base::log(LogLevel::kWarning, kArea, "client {}: its list of revoked certificates: {}",
            client.label(), complaint);
}

}  // namespace tiara::broker
