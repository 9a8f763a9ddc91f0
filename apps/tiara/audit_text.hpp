// Entries of the audit log as lines: for programs, and for spreadsheets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/reputation_store.hpp"

namespace tiara::app {

// One JSON object without newline.
std::string audit_json(const store::NumberedAuditEntry& entry);

// RFC 4180, every field in quotes. A field that a spreadsheet would take for a formula gets a `'`
// before it: comments and names are written by those who are being audited.
std::string audit_csv_head();
std::string audit_csv(const store::NumberedAuditEntry& entry);

// "COUNT:HASH": 64 hexadecimal digits. Nullopt: it is none.
std::optional<store::AuditHead> parse_audit_head(std::string_view text);

}  // namespace tiara::app
