// What no store takes (reputation_store.hpp).
#include <algorithm>

#include <fmt/format.h>

#include "store/record_codec.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

using reputation::DigestKey;
using reputation::DigestType;
using Texts = std::initializer_list<const std::string*>;

dxl::Result<void> refuse(std::string what) {
  return dxl::fail(dxl::ErrorCode::kInvalidArgument, "store batch: " + std::move(what));
}

dxl::Result<void> check_text(std::string_view what, const std::string& text) {
  if (text.size() <= kMaxTextBytes) return {};
  return refuse(fmt::format("{} of {} bytes", what, text.size()));
}

template <class List>
dxl::Result<void> check_texts(std::string_view what, const List& texts) {
  for (const std::string& text : texts)
    if (dxl::Result<void> checked = check_text(what, text); !checked) return checked;
  return {};
}
dxl::Result<void> check_texts(std::string_view what, Texts texts) {
  for (const std::string* text : texts)
    if (dxl::Result<void> checked = check_text(what, *text); !checked) return checked;
  return {};
}

dxl::Result<void> check_entries(const std::vector<reputation::ProviderEntry>& entries) {
  if (entries.size() > kMaxEntries)
    return refuse(fmt::format("{} entries in a record", entries.size()));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const reputation::ProviderEntry& entry = entries[i];
    if (i != 0 && entries[i - 1].provider >= entry.provider)
      return refuse("entries of a record not sorted by provider");
    if (entry.attributes.size() > kMaxEntryAttributes)
      return refuse(fmt::format("{} attributes in an entry", entry.attributes.size()));
    if (dxl::Result<void> checked = check_text("comment", entry.comment); !checked) return checked;
    for (const auto& [id, value] : entry.attributes)
      if (dxl::Result<void> checked = check_texts("attribute", Texts{&id, &value}); !checked)
        return checked;
  }
  return {};
}

dxl::Result<void> check_record(const reputation::FileRecord& record) {
  if (record.hashes.empty()) return refuse("record without a digest");
  if (record.names.size() > reputation::kMaxNames)
    return refuse(fmt::format("{} names in a record", record.names.size()));
  if (dxl::Result<void> checked = check_texts("name", record.names); !checked) return checked;
  const reputation::FileDetails& details = record.details;
  if (details.paths.size() > reputation::kMaxPaths)
    return refuse(fmt::format("{} paths in a record", details.paths.size()));
  if (dxl::Result<void> checked = check_texts("path", details.paths); !checked) return checked;
  const Texts texts{&details.version,        &details.company_name,
                    &details.product_name,   &details.product_version,
                    &details.profiler_flags, &details.last_detection_name};
  if (dxl::Result<void> checked = check_texts("detail", texts); !checked) return checked;
  return check_entries(record.entries);
}

dxl::Result<void> check_record(const reputation::CertRecord& record) {
  const reputation::CertDetails& details = record.details;
  const Texts texts{&details.algorithm, &details.subject_name, &details.subject,
                    &details.issuer,    &details.issuer_dn,    &details.serial_number};
  if (dxl::Result<void> checked = check_texts("detail", texts); !checked) return checked;
  return check_entries(record.entries);
}

bool is_file(const DigestKey& key) {
  switch (key.type()) {
    case DigestType::kMd5:
    case DigestType::kSha1:
    case DigestType::kSha256:
      return true;
    case DigestType::kCertificate:
      break;
  }
  return false;
}
bool is_subject(const DigestKey& key) {
  return is_file(key) || key.type() == DigestType::kCertificate;
}

dxl::Result<void> check_agent(const std::string& agent) {
  if (!agent.empty() && agent.size() <= kMaxAgentBytes) return {};
  return refuse(fmt::format("agent of {} bytes", agent.size()));
}

dxl::Result<void> check_audit(const AuditEntry& entry) {
  if (!is_known(entry.kind))
    return refuse(fmt::format("audit entry of kind {}", static_cast<int>(entry.kind)));
  if (entry.hashes.empty()) return refuse("audit entry without a digest");
  if (entry.is_certificate && (!entry.hashes.sha1 || entry.hashes.md5 || entry.hashes.sha256))
    return refuse("audit entry of a certificate with another digest than SHA-1");
  return check_texts("text in an audit entry", Texts{&entry.comment, &entry.actor.certificate,
                                                     &entry.actor.name, &entry.actor.client_id});
}

dxl::Result<void> check_keys(const Batch& batch) {
  for (const Batch::Move& move : batch.moves)
    if (move.from.empty() || move.to.empty()) return refuse("move without a digest");
  for (const reputation::FileRecord& record : batch.remove)
    if (record.hashes.empty()) return refuse("removal without a digest");
  for (const Batch::Reference& reference : batch.references)
    if (!is_subject(reference.subject)) return refuse("reference without a digest");
  for (const Batch::SignedOverride& change : batch.overrides)
    if (!is_file(change.file)) return refuse("override without a digest of a file");
  for (const Batch::Update& update : batch.updates)
    if (!is_subject(update.subject)) return refuse("update without a digest");
  return {};
}

}  // namespace

bool Batch::empty() const {
  return moves.empty() && remove.empty() && remove_certificates.empty() && put.empty() &&
         put_certificates.empty() && references.empty() && agents.empty() && overrides.empty() &&
         updates.empty() && audit.empty() && !change_id;
}

dxl::Result<void> check_batch(const Batch& batch) {
  if (dxl::Result<void> checked = check_keys(batch); !checked) return checked;
  for (const reputation::FileRecord& record : batch.put)
    if (dxl::Result<void> checked = check_record(record); !checked) return checked;
  for (const reputation::CertRecord& record : batch.put_certificates)
    if (dxl::Result<void> checked = check_record(record); !checked) return checked;
  for (const Batch::Reference& reference : batch.references)
    if (dxl::Result<void> checked = check_agent(reference.agent); !checked) return checked;
  for (const std::string& agent : batch.agents)
    if (dxl::Result<void> checked = check_agent(agent); !checked) return checked;
  for (const AuditEntry& entry : batch.audit)
    if (dxl::Result<void> checked = check_audit(entry); !checked) return checked;
  return {};
}

}  // namespace tiara::store
