// The encoders of answers.hpp, and pack_version(); those of file info are in file_info.cpp.
#include "tie/answers.hpp"
#include "tie/codec.hpp"
#include "tie/json_text.hpp"

namespace tie {
namespace {

void append_overridden(const OverriddenFiles& overridden, std::string& out) {
  append_name("overridden", out);
  out += R"({"files":[)";
  for (const FileHashes& hashes : overridden.files) {
    separate(out);
    out += '{';
    append_hash_array(hashes, out);
    out += '}';
  }
  out += overridden.truncated ? R"(],"truncated":1})" : R"(],"truncated":0})";
}

void append_entry(const Reputation& entry, const OverriddenFiles* overridden, std::string& out) {
  separate(out);
  out += R"({"trustLevel":)";
  append_number(static_cast<std::int32_t>(entry.trust_level), out);
  out += R"(,"providerId":)";
  append_number(static_cast<std::int32_t>(entry.provider), out);
  out += R"(,"createDate":)";
  append_number(entry.create_date, out);
  out += R"(,"attributes":{)";
  for (const auto& [id, value] : entry.attributes) {
    separate(out);
    dxl::append_json_string(id, out);
    out += ':';
    dxl::append_json_string(value, out);
  }
  out += '}';
  if (overridden && entry.provider == Provider::kCertEnterprise)
    append_overridden(*overridden, out);
  out += '}';
}

// Everything of an answer or snapshot up to serverTime; the caller closes props and the object.
void append_open_snapshot(const Reputations& reputations, const OverriddenFiles* overridden,
                          std::string& out) {
  out += R"({"reputations":[)";
  for (const Reputation& entry : reputations.entries) append_entry(entry, overridden, out);
  out += ']';
  if (overridden) append_overridden(*overridden, out);
  out += R"(,"props":{"serverTime":)";
  append_number(reputations.server_time, out);
}

// Neither submitMetaData nor `overridden` (L6).
void append_snapshot(std::string_view name, const Reputations& reputations, std::string& out) {
  append_name(name, out);
  append_open_snapshot(reputations, nullptr, out);
  out += "}}";
}

template <class Change>
void append_snapshots(const Change& change, std::string& out) {
  append_snapshot("oldReputations", change.old_reputations, out);
  append_snapshot("newReputations", change.new_reputations, out);
  append_member("updateTime", change.update_time, out);
}

void append_extras(const ChangeEventExtras& extras, std::string& out) {
  if (extras.change_id != 0) append_member("changeId", extras.change_id, out);
  if (extras.cause_kind.empty()) return;
  out += R"(,"cause":{)";
  append_member("providerId", extras.cause_provider, out);
  append_member("kind", extras.cause_kind, out);
  out += '}';
}

// One digest: of the wanted type if there is one, else the first in the default order.
FileHashes one_of(const FileHashes& hashes, GetUpdates::FileType wanted) {
  const FileHashes md5{hashes.md5, {}, {}}, sha1{{}, hashes.sha1, {}},
      sha256{{}, {}, hashes.sha256};
  if (wanted == GetUpdates::FileType::kMd5 && hashes.md5) return md5;
  if (wanted == GetUpdates::FileType::kSha256 && hashes.sha256) return sha256;
  if (hashes.sha1) return sha1;
  return hashes.md5 ? md5 : sha256;
}

}  // namespace

void append_reputations(const Reputations& reputations, std::string& out) {
  append_open_snapshot(reputations, reputations.overridden ? &*reputations.overridden : nullptr,
                       out);
  out += reputations.submit_metadata ? R"(,"submitMetaData":1)" : R"(,"submitMetaData":0)";
  if (reputations.atd_candidate) out += R"(,"atdCandidate":1)";
  append_text("masterServer", reputations.master_server, out);
  out += "}}";
}

void append_file_change(const FileReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out) {
  out += '{';
  append_hash_array(change.hashes, out);
  append_snapshots(change, out);
  if (change.signer) {
    out += R"(,"relationships":{"certificate":{)";
    append_certificate(*change.signer, out);
    out += "}}";
  }
  append_extras(extras, out);
  out += '}';
}

void append_cert_change(const CertificateReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out) {
  out += '{';
  append_optional("publicKeySha1", change.certificate.public_key_sha1, out);
  append_certificate_hashes(change.certificate, out);
  append_snapshots(change, out);
  append_extras(extras, out);
  out += '}';
}

void append_first_references(const FirstReferences& references, std::string& out) {
  out += '{';
  append_member("totalCount", references.total_count, out);
  out += R"(,"agents":[)";
  append_what_fits(references.agents, out, [&out](const FirstReference& reference) {
    separate(out);
    out += '{';
    append_member("agentGuid", reference.agent_guid, out);
    append_member("date", reference.date, out);
    out += '}';
  });
  out += "]}";
}

void append_updates(const Updates& updates, const GetUpdates& request, std::string& out) {
  out += '{';
  if (request.files) {
    append_name("fileHashes", out);
    out += '[';
    for (const FileHashes& hashes : updates.files)
      append_hash_items(one_of(hashes, request.file_type), out);
    out += ']';
  }
  if (request.certificates) {
    append_name("certificateHashes", out);
    out += '[';
    for (const Sha1& sha1 : updates.certificates) append_hash_items({{}, sha1, {}}, out);
    out += ']';
  }
  append_member("latestUpdateTime", updates.latest_update_time, out);
  if (updates.more) {
    out += R"(,"props":{"serverTime":)";
    append_number(updates.server_time, out);
    out += R"(,"queryLimitExceeded":true})";
  }
  out += '}';
}

void append_first_instance(const FileHashes& hashes, std::string_view agent_guid,
                           std::string_view name, std::string& out) {
  out += '{';
  append_member("agentGuid", agent_guid, out);
  append_hash_array(hashes, out);
  append_text("name", name, out);
  out += '}';
}

void append_prevalence(const FileHashes& hashes, std::string_view agent_guid,
                       std::int64_t agent_first_reference, std::uint64_t enterprise_count,
                       bool prevalent, std::string& out) {
  out += '{';
  append_member("agentGuid", agent_guid, out);
  append_hash_array(hashes, out);
  append_member("agentFirstReference", agent_first_reference, out);
  append_member("enterpriseCount", enterprise_count, out);
  append_member("prevalent", prevalent, out);
  out += '}';
}

void append_detection(const Detection& detection, std::string& out) {
  out += '{';
  append_member("agentGuid", detection.agent_guid, out);
  append_hash_array(detection.hashes, out);
  append_member("detectionTime", detection.detection_time, out);
  append_member("localReputation", detection.local_reputation, out);
  append_member("remediationAction", detection.remediation_action, out);
  append_text("name", detection.name, out);
  out += '}';
}

std::uint64_t pack_version(std::uint8_t major, std::uint8_t minor, std::uint16_t patch,
                           std::uint32_t build) {
  return std::uint64_t{major} << 56 | std::uint64_t{minor} << 48 | std::uint64_t{patch} << 32 |
         build;
}

}  // namespace tie
