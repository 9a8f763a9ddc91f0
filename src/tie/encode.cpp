// The encoders of codec.hpp. Everything goes straight into the caller's buffer; in steady state
// nothing allocates but the buffer's own growth.
#include <charconv>
#include <concepts>

#include "base/hex.hpp"
#include "dxl/json.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

// scanType of an API client, "on-demand scan" (§4.8).
constexpr int kApiScanType = 3;

void append_number(std::integral auto value, std::string& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// A comma, unless this is the first item of the array or object just opened.
void separate(std::string& out) {
  if (out.back() != '[' && out.back() != '{') out += ',';
}

template <class Tag, std::size_t N>
void append_base64_item(const std::optional<Digest<Tag, N>>& digest, std::string& out) {
  if (!digest) return;
  separate(out);
  out += R"({"type":")";
  out += Tag::kName;
  out += R"(","value":")";
  tiara::base::append_base64(digest->view(), out);
  out += R"("})";
}

void append_hash_array(const FileHashes& hashes, std::string& out) {
  out += R"("hashes":[)";
  append_base64_item(hashes.md5, out);
  append_base64_item(hashes.sha1, out);
  append_base64_item(hashes.sha256, out);
  out += ']';
}

template <class Tag, std::size_t N>
void append_hex_member(const std::optional<Digest<Tag, N>>& digest, std::string& out) {
  if (!digest) return;
  separate(out);
  out += '"';
  out += Tag::kName;
  out += R"(":")";
  out += digest->to_hex();
  out += '"';
}

void append_entry(const Reputation& entry, std::string& out) {
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
  out += "}}";
}

// Everything of an answer or snapshot up to serverTime; the caller closes props and the object.
void append_open_snapshot(const Reputations& reputations, std::string& out) {
  out += R"({"reputations":[)";
  for (const Reputation& entry : reputations.entries) append_entry(entry, out);
  out += R"(],"props":{"serverTime":)";
  append_number(reputations.server_time, out);
}

}  // namespace

void append_get_file_reputation(const FileHashes& hashes, std::string& out) {
  out += '{';
  append_hash_array(hashes, out);
  out += R"(,"scanType":)";
  append_number(kApiScanType, out);
  out += '}';
}

void append_set_file_reputation(const SetFileReputation& set, std::string& out) {
  out += R"({"trustLevel":)";
  append_number(static_cast<std::int32_t>(set.trust_level), out);
  out += R"(,"providerId":)";
  append_number(static_cast<std::int32_t>(Provider::kEnterprise), out);
  out += R"(,"filename":)";
  dxl::append_json_string(set.filename, out);
  out += R"(,"comment":)";
  dxl::append_json_string(set.comment, out);
  out += ',';
  append_hash_array(set.hashes, out);
  out += '}';
}

void append_external_report(const ExternalReport& report, std::string& out) {
  out += R"({"file":{"type":)";
  append_number(static_cast<std::uint64_t>(report.file_type), out);
  out += R"(,"hashes":{)";
  append_hex_member(report.hashes.md5, out);
  append_hex_member(report.hashes.sha1, out);
  append_hex_member(report.hashes.sha256, out);
  out += R"(},"attributes":{"filename":)";
  dxl::append_json_string(report.filename, out);
  out += R"(},"reputation":{"score":)";
  append_number(static_cast<std::int32_t>(report.trust_level), out);
  out += R"(}},"provider":{"id":)";
  append_number(static_cast<std::int32_t>(Provider::kExternal), out);
  out += R"(},"comment":)";
  dxl::append_json_string(report.comment, out);
  out += '}';
}

void append_reputations(const Reputations& reputations, std::string& out) {
  append_open_snapshot(reputations, out);
  out += reputations.submit_metadata ? R"(,"submitMetaData":1}})" : R"(,"submitMetaData":0}})";
}

void append_file_change(const FileReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out) {
  out += '{';
  append_hash_array(change.hashes, out);
  out += R"(,"oldReputations":)";
  append_open_snapshot(change.old_reputations, out);
  out += R"(}},"newReputations":)";
  append_open_snapshot(change.new_reputations, out);
  out += R"(}},"updateTime":)";
  append_number(change.update_time, out);
  if (extras.change_id != 0) {
    out += R"(,"changeId":)";
    append_number(extras.change_id, out);
  }
  if (!extras.cause_kind.empty()) {
    out += R"(,"cause":{"providerId":)";
    append_number(extras.cause_provider, out);
    out += R"(,"kind":)";
    dxl::append_json_string(extras.cause_kind, out);
    out += '}';
  }
  out += '}';
}

void append_first_instance(const FileHashes& hashes, std::string_view agent_guid,
                           std::string_view name, std::string& out) {
  out += R"({"agentGuid":)";
  dxl::append_json_string(agent_guid, out);
  out += ',';
  append_hash_array(hashes, out);
  if (!name.empty()) {
    out += R"(,"name":)";
    dxl::append_json_string(name, out);
  }
  out += '}';
}

void append_prevalence(const FileHashes& hashes, std::string_view agent_guid,
                       std::int64_t agent_first_reference, std::uint64_t enterprise_count,
                       bool prevalent, std::string& out) {
  out += R"({"agentGuid":)";
  dxl::append_json_string(agent_guid, out);
  out += ',';
  append_hash_array(hashes, out);
  out += R"(,"agentFirstReference":)";
  append_number(agent_first_reference, out);
  out += R"(,"enterpriseCount":)";
  append_number(enterprise_count, out);
  out += prevalent ? R"(,"prevalent":true})" : R"(,"prevalent":false})";
}

void append_outcome_request(std::string_view message_id, std::string& out) {
  out += R"({"messageId":)";
  dxl::append_json_string(message_id, out);
  out += '}';
}

void append_outcome(const ReportOutcome& outcome, std::string& out) {
  out += R"({"outcome":)";
  dxl::append_json_string(outcome.outcome, out);
  out += R"(,"reason":)";
  dxl::append_json_string(outcome.reason, out);
  out += R"(,"time":)";
  append_number(outcome.time, out);
  out += '}';
}

std::uint64_t pack_version(std::uint8_t major, std::uint8_t minor, std::uint16_t patch,
                           std::uint32_t build) {
  return std::uint64_t{major} << 56 | std::uint64_t{minor} << 48 | std::uint64_t{patch} << 32 |
         build;
}

}  // namespace tie
