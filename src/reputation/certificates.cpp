#include "reputation/certificates.hpp"

#include <string>
#include <utility>

namespace tiara::reputation {
namespace {

CertRecord known_or_new(const tie::Sha1& sha1, std::int64_t now, const CertRecord* known) {
  if (known != nullptr) return *known;
  CertRecord record;
  record.certificate.sha1 = sha1;
  record.created = now;
  record.first_contact = now;
  return record;
}

// What every write does first. `conflict` is told of a public key that is not believed.
CertRecord start(const tie::Certificate& certificate, std::int64_t now, const CertRecord* known,
                 CertOutcome& outcome) {
  CertRecord record = known_or_new(certificate.sha1, now, known);
  outcome.conflict = !learn_key(record.certificate, certificate.public_key_sha1);
  touch(record.last_used, now);
  return record;
}

void finish(const CertRecord* known, CertRecord record, CertOutcome& outcome) {
  const std::vector<ProviderEntry> none;
  if (!same_levels(known == nullptr ? none : known->entries, record.entries)) {
    outcome.event = CertChange{.before = {}, .after = record};
    if (known != nullptr) outcome.event->before = *known;
  }
  if (known == nullptr || *known != record) outcome.store = std::move(record);
}

void replace(std::string& held, const std::string& given) {
  if (!given.empty()) held = given;
}
template <class T>
void replace(std::optional<T>& held, const std::optional<T>& given) {
  if (given) held = given;
}

}  // namespace

bool wants_metadata(const CertRecord* record) {
  return record == nullptr || !record->details.described || !record->prevalent;
}

CertOutcome apply_cert_set(const tie::SetCertReputation& set, std::int64_t now,
                           const CertRecord* known) {
  const bool removal = set.trust_level == tie::TrustLevel::kNotSet;
  CertOutcome outcome;
  if (removal && known == nullptr) return outcome;  // L3
  CertRecord record = start(set.certificate, now, known, outcome);
  if (!removal || record.find(tie::Provider::kCertEnterprise) != nullptr) {
    ProviderEntry& entry = entry_of(record.entries, tie::Provider::kCertEnterprise);
    if (entry.trust_level != set.trust_level) entry.create_date = now;  // L7
    entry.trust_level = set.trust_level;
    entry.comment = set.comment;
  }
  finish(known, std::move(record), outcome);
  return outcome;
}

CertOutcome apply_cert_metadata(const tie::CertMetadata& metadata, std::int64_t now,
                                const CertRecord* known) {
  CertOutcome outcome;
  CertRecord record = start(metadata.certificate, now, known, outcome);
  CertDetails& details = record.details;
  details.described = true;
  replace(details.algorithm, metadata.algorithm);
  replace(details.subject_name, metadata.subject_name);
  replace(details.subject, metadata.subject);
  replace(details.issuer, metadata.issuer);
  replace(details.issuer_dn, metadata.issuer_dn);
  replace(details.serial_number, metadata.serial_number);
  replace(details.issuer_sha1, metadata.issuer_sha1);
  replace(details.issuer_public_key_sha1, metadata.issuer_public_key_sha1);
  replace(details.valid_from, metadata.valid_from);
  replace(details.valid_to, metadata.valid_to);
  finish(known, std::move(record), outcome);
  return outcome;
}

CertOutcome apply_cert_lookup(const tie::Certificate& certificate, std::int64_t now,
                              bool new_reference, std::uint64_t enterprise_size,
                              const Settings& settings, const CertRecord* known) {
  CertOutcome outcome;
  CertRecord record = start(certificate, now, known, outcome);
  if (new_reference) {
    ++record.reference_count;
    record.prevalent =
        record.prevalent || is_prevalent(record.reference_count, enterprise_size, settings);
  }
  finish(known, std::move(record), outcome);
  return outcome;
}

bool cert_is_aged(const CertRecord& record, std::int64_t now, const Settings& settings) {
  return record.level(tie::Provider::kCertEnterprise) == tie::TrustLevel::kNotSet &&
         is_unused(record.last_used, now, settings.retention_days);
}

}  // namespace tiara::reputation
