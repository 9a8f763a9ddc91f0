// What changes on the fabric, as values. Every I/O thread owns a replica of the router; all
// replicas apply the same changes in the same order, so that they know the same. What one does with
// a change must therefore depend on nothing but the change and what was applied before: no clock,
// no randomness, no thread-local load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/ports.hpp"
#include "fabric/authorization.hpp"
#include "fabric/identity.hpp"
#include "fabric/revocation.hpp"
#include "fabric/service_registry.hpp"

namespace tiara::fabric {

struct ClientConnected {
  ConnectionId connection = 0;
  Identity identity;
};
struct ClientDisconnected {
  ConnectionId connection = 0;
};
// All filters of one packet.
struct Subscribed {
  ConnectionId connection = 0;
  std::vector<std::string> filters;
};
struct Unsubscribed {
  ConnectionId connection = 0;
  std::vector<std::string> filters;
};
// What of a request is needed to answer it later.
struct Asker {
  ConnectionId connection = 0;
  std::string message_id, reply_to_topic, service_id;
};
struct ServiceRegistered {
  Service service;
  Asker asker;
};
struct ServiceUnregistered {
  std::string service_guid;
  std::string client_guid;  // canonical id of who asks
  Asker asker;
};
// A service's own connection said that it does not exist (DXL reference §5.4.4).
struct ServiceDisowned {
  std::string service_guid;
  ConnectionId connection = 0;
};
struct ServicesExpired {
  base::SteadyTime now{};
};
struct AuthorizationReplaced {
  std::shared_ptr<const Authorization> authorization;
};
// An administrator's event (DXL reference §5.7.8). Who keeps the list in a file takes this over and
// commits a RevocationsReplaced instead.
struct CertificatesRevoked {
  std::vector<std::string> thumbprints;
};
struct RevocationsReplaced {
  RevocationList list;
};

// Our own TIE service has another certificate. It comes over no wire, so that there is nothing to
// shake hands about: its connection goes on under the new identity, and so does one that is opened
// with the old one meanwhile.
struct ServiceIdentityReplaced {
  std::vector<Thumbprints> chain;  // root first, leaf last
  std::string subject;
};

// What a reload may change of RouterOptions.
struct OptionsReplaced {
  std::size_t connection_limit = 0;
  bool send_connect_events = false, test_mode = false;
};

using Change = std::variant<ClientConnected, ClientDisconnected, Subscribed, Unsubscribed,
                            ServiceRegistered, ServiceUnregistered, ServiceDisowned,
                            ServicesExpired, AuthorizationReplaced, CertificatesRevoked,
                            RevocationsReplaced, ServiceIdentityReplaced, OptionsReplaced>;

}  // namespace tiara::fabric
