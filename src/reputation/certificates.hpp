// The rules of the reputation service for certificates (TIE reference §3.4 to §3.6, §3.9, L23,
// L24): as engine.hpp for files. A certificate's identity is its SHA-1, so nothing is ever merged.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "reputation/engine.hpp"
#include "reputation/record.hpp"
#include "reputation/settings.hpp"
#include "tie/codec.hpp"

namespace tiara::reputation {

// Complete answer for a record, or for an unknown certificate (`record` null): entries 2 and 4.
// `overridden` empty: no file of it has an override; attribute 2122901 says so (L18). A change
// event has the attribute without the list: take it out there (L6).
tie::Reputations make_cert_answer(const CertRecord* record, const AnswerContext& context,
                                  const tie::OverriddenFiles& overridden);
// As for a file (§6.9).
bool wants_metadata(const CertRecord* record);

struct CertChange {
  std::optional<CertRecord> before;  // nullopt: unknown
  CertRecord after;
  friend bool operator==(const CertChange&, const CertChange&) = default;
};
// What a write did. All empty: nothing changed.
struct CertOutcome {
  std::optional<CertRecord> store;
  std::optional<CertChange> event;
  bool conflict = false;  // another public key than the one stored (L23)
  friend bool operator==(const CertOutcome&, const CertOutcome&) = default;
};

// `known` null: unknown certificate.
CertOutcome apply_cert_set(const tie::SetCertReputation& set, std::int64_t now,
                           const CertRecord* known);
CertOutcome apply_cert_metadata(const tie::CertMetadata& metadata, std::int64_t now,
                                const CertRecord* known);
// Count an endpoint lookup (L24): no first-instance and no prevalence event for certificates.
CertOutcome apply_cert_lookup(const tie::Certificate& certificate, std::int64_t now,
                              bool new_reference, std::uint64_t enterprise_size,
                              const Settings& settings, const CertRecord* known);
// Whether retention purges it (L20): unused, and without override.
bool cert_is_aged(const CertRecord& record, std::int64_t now, const Settings& settings);

}  // namespace tiara::reputation
