// Audit entries as bytes on disk, and the chain that holds them together (docs/store.md, "Audit
// entry").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "reputation/digest_key.hpp"
#include "store/audit_entry.hpp"

namespace tiara::store {

// The entry must have passed check_batch().
void append_audit_entry(const AuditEntry& entry, std::string& out);
// Exactly one entry. kStorage with the field that is damaged.
dxl::Result<AuditEntry> decode_audit_entry(std::string_view bytes);

// The hash of the chain with the encoded entry, from the hash before it. kStorage if the machine
// has no SHA-256.
dxl::Result<AuditHash> chain_hash(const AuditHash& before, std::string_view encoded);

// What the entry is listed under in the history.
std::vector<reputation::DigestKey> digests_of(const AuditEntry& entry);

}  // namespace tiara::store
