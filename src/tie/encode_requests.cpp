// The encoders of requests.hpp and reports.hpp.
#include "base/hex.hpp"
#include "tie/json_text.hpp"
#include "tie/reports.hpp"
#include "tie/requests.hpp"

namespace tie {
namespace {

template <class Tag, std::size_t N>
void append_hex_member(const std::optional<Digest<Tag, N>>& digest, std::string& out) {
  if (digest) append_member(Tag::kName, digest->to_hex(), out);
}

std::string_view name_of(GetUpdates::FileType type) {
  switch (type) {
    case GetUpdates::FileType::kMd5:
      return Md5Tag::kName;
    case GetUpdates::FileType::kSha256:
      return Sha256Tag::kName;
    case GetUpdates::FileType::kSha1:
    case GetUpdates::FileType::kAny:
      break;
  }
  return Sha1Tag::kName;
}

}  // namespace

void append_get_file_reputation(const FileHashes& hashes, std::string& out) {
  out += '{';
  append_hash_array(hashes, out);
  append_member("scanType", kApiScanType, out);
  out += '}';
}

void append_endpoint_lookup(const GetFileReputation& get, std::string& out) {
  out += '{';
  append_hash_array(get.hashes, out);
  append_optional("fileType", get.file_type, out);
  append_optional("scanType", get.scan_type, out);
  append_text("agentGuid", get.agent_guid, out);
  if (get.signer) {
    append_member("certSha1", get.signer->sha1, out);
    append_optional("certPublicKeySha1", get.signer->public_key_sha1, out);
  }
  out += '}';
}

void append_set_file_reputation(const SetFileReputation& set, std::string& out) {
  out += '{';
  append_member("trustLevel", set.trust_level, out);
  append_member("providerId", Provider::kEnterprise, out);
  append_member("filename", set.filename, out);
  append_member("comment", set.comment, out);
  append_hash_array(set.hashes, out);
  out += '}';
}

void append_get_cert_reputation(const Certificate& certificate, std::string& out) {
  out += '{';
  append_certificate(certificate, out);
  append_member("scanType", kApiScanType, out);
  out += '}';
}

void append_set_cert_reputation(const SetCertReputation& set, std::string& out) {
  out += '{';
  append_member("trustLevel", set.trust_level, out);
  append_member("providerId", Provider::kCertEnterprise, out);
  append_member("comment", set.comment, out);
  append_certificate(set.certificate, out);
  out += '}';
}

void append_get_file_agents(const GetFileAgents& get, std::string& out) {
  out += '{';
  append_optional("queryLimit", get.query_limit, out);
  append_hash_array(get.hashes, out);
  out += '}';
}

void append_get_cert_agents(const GetCertAgents& get, std::string& out) {
  out += '{';
  append_optional("queryLimit", get.query_limit, out);
  append_certificate(get.certificate, out);
  out += '}';
}

void append_get_updates(const GetUpdates& get, std::string& out) {
  out += '{';
  append_member("sinceTime", get.since, out);
  append_optional("queryLimit", get.query_limit, out);
  append_optional("targeted", get.targeted, out);
  const bool everything =
      get.files && get.certificates && get.file_type == GetUpdates::FileType::kAny;
  if (!everything) {
    append_name("targetTypes", out);
    out += '{';
    if (get.files) append_member("file", name_of(get.file_type), out);
    if (get.certificates) append_member("cert", Sha1Tag::kName, out);
    out += '}';
  }
  out += '}';
}

void append_get_file_info(const std::vector<FileHashes>& files, std::string& out) {
  out += R"({"hashes":[)";
  for (const FileHashes& hashes : files) {
    separate(out);
    out += '[';
    append_hash_items(hashes, out);
    out += ']';
  }
  out += "]}";
}

void append_search_files(const SearchFiles& search, std::string& out) {
  out += '{';
  append_member("searchString", search.text, out);
  append_member("numberOfRows", search.rows, out);
  out += '}';
}

void append_external_report(const ExternalReport& report, std::string& out) {
  out += R"({"file":{)";
  append_member("type", report.file_type, out);
  out += R"(,"hashes":{)";
  append_hex_member(report.hashes.md5, out);
  append_hex_member(report.hashes.sha1, out);
  append_hex_member(report.hashes.sha256, out);
  out += R"(},"attributes":{)";
  append_member("filename", report.filename, out);
  out += R"(},"reputation":{)";
  append_member("score", report.trust_level, out);
  out += R"(}},"provider":{)";
  append_member("id", Provider::kExternal, out);
  out += '}';
  append_member("comment", report.comment, out);
  out += '}';
}

void append_file_metadata(const FileMetadata& metadata, std::string& out) {
  out += '{';
  append_hash_array(metadata.hashes, out);
  append_text("agentGuid", metadata.agent_guid, out);
  append_text("name", metadata.name, out);
  append_optional("size", metadata.size, out);
  append_text("path", metadata.path, out);
  append_text("version", metadata.version, out);
  append_optional("fileType", metadata.file_type, out);
  append_optional("signedBits", metadata.signed_bits, out);
  append_text("companyName", metadata.company_name, out);
  append_text("profilerFlags", metadata.profiler_flags, out);
  append_text("productName", metadata.product_name, out);
  append_text("productVersion", metadata.product_version, out);
  append_member("objectType", metadata.is_process ? 4 : 1, out);
  append_optional("localRep", metadata.local_rep, out);
  append_optional("parentLocalRep", metadata.parent_local_rep, out);
  append_optional("prePromptLocalRep", metadata.pre_prompt_local_rep, out);
  append_optional("localRepRuleId", metadata.local_rep_rule_id, out);
  append_optional("parentSha1", metadata.parent_sha1, out);
  append_optional("actorLocalRep", metadata.actor_local_rep, out);
  append_text("detectionName", metadata.detection_name, out);
  append_member("remediation", metadata.remediation, out);
  if (metadata.signer) {
    append_member("certSha1", metadata.signer->sha1, out);
    append_optional("certPublicKeySha1", metadata.signer->public_key_sha1, out);
  }
  append_optional("actorSha1", metadata.actor_sha1, out);
  out += '}';
}

void append_cert_metadata(const CertMetadata& metadata, std::string& out) {
  out += '{';
  append_certificate(metadata.certificate, out);
  append_text("algorithm", metadata.algorithm, out);
  append_text("issuerDN", metadata.issuer_dn, out);
  append_optional("issuerPublicKeySha1", metadata.issuer_public_key_sha1, out);
  append_text("serialNumber", tiara::base::to_base64(metadata.serial_number), out);
  append_text("subjectName", metadata.subject_name, out);
  append_optional("validFrom", metadata.valid_from, out);
  append_optional("validTo", metadata.valid_to, out);
  append_text("subject", metadata.subject, out);
  append_text("issuer", metadata.issuer, out);
  append_optional("issuerSha1", metadata.issuer_sha1, out);
  out += '}';
}

}  // namespace tie
