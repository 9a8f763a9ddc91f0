// One line of the audit log (docs/store.md): who changed what, when, and from what to what. Each
// entry carries the hash of the one before, so that nothing can be taken out or altered unseen.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "reputation/digest_key.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::store {

enum class AuditKind : std::uint8_t {
  kEnterprise = 1,  // a set, also with the level there was
  kExternal = 2,    // a report that changed the level
  kSandbox = 3,     // as kExternal
  kImport = 4,
  kMerge = 5,      // records found to be one file; a level seen under a digest changed
  kRetention = 6,  // an entry or a record went because of its age
  kConflict = 7,   // supplied digests, or a signer, contradicted the record: not believed (§6.10)
};
constexpr bool is_known(AuditKind kind) {
  return kind >= AuditKind::kEnterprise && kind <= AuditKind::kConflict;
}
// As events, histories and the exported log name it.
constexpr std::string_view to_string(AuditKind kind) {
  switch (kind) {
    case AuditKind::kEnterprise:
      return "enterprise";
    case AuditKind::kExternal:
      return "external";
    case AuditKind::kSandbox:
      return "sandbox";
    case AuditKind::kImport:
      return "import";
    case AuditKind::kMerge:
      return "merge";
    case AuditKind::kRetention:
      return "retention";
    case AuditKind::kConflict:
      return "conflict";
  }
  return "unknown";
}

// As the broker or the service's own list identified it; empty: unknown, or the service itself.
struct Actor {
  std::string certificate{};  // SHA-1 or SHA-256, lower-case hexadecimal
  std::string name{};         // its common name
  std::string client_id{};
  friend bool operator==(const Actor&, const Actor&) = default;
};

struct AuditEntry {
  AuditKind kind = AuditKind::kEnterprise;
  std::int64_t time = 0;  // seconds since 1970 UTC
  // The subject's digests afterwards: of a file, or the SHA-1 of a certificate alone.
  bool is_certificate = false;
  tie::FileHashes hashes{};
  tie::Provider provider = tie::Provider::kEnterprise;
  tie::TrustLevel old_level = tie::TrustLevel::kNotSet;
  tie::TrustLevel new_level = tie::TrustLevel::kNotSet;
  std::string comment{};  // or what contradicted
  Actor actor{};
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

using AuditHash = std::array<std::uint8_t, 32>;
// Where the chain ends. `count` entries, numbered from 1; the hash of none is all zeros.
struct AuditHead {
  std::uint64_t count = 0;
  AuditHash hash{};
  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

}  // namespace tiara::store
