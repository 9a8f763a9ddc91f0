// Who a connection is: derived from its certificates, never from what it says (DXL reference §5.1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tiara::fabric {

using ConnectionId = std::uint64_t;  // given by the shell, never reused within a process

struct Thumbprints {
  std::string sha1;  // lower-case hexadecimal of the DER
  std::string sha256;
  friend bool operator==(const Thumbprints&, const Thumbprints&) = default;
};

struct Identity {
  std::vector<Thumbprints> chain;  // root first, leaf last; empty without TLS
  std::string subject;             // of the leaf, for people
  std::string canonical_id;        // SHA-1 of the leaf; a random uuid without TLS
  std::string instance_id;         // `<canonical id>:<uuid>`: this connection
  std::string dxl_certs;           // SHA-1s of the chain joined with `;`, root first
  // Where this connection awaits answers: `/mcafee/client/<the MQTT client id it gave>`. A claim:
  // who else gives the same id has the same. Empty when it gave none.
  std::string reply_topic{};
  std::vector<std::string> issuer_serials{};  // of the chain, as CRLs name certificates
  bool in_process_service = false;            // our own TIE service, attached inside the process
};

// Fills in everything that follows from the chain. `uuid` makes the instance id unique.
Identity make_identity(std::vector<Thumbprints> chain, std::string subject, std::string uuid);

}  // namespace tiara::fabric
