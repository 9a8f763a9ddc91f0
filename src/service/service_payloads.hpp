// For tests: the texts that clients, endpoints and sandboxes send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "tie/codec.hpp"

namespace tiara::service {

inline constexpr std::string_view kReplyTopic = "/mcafee/client/{c}";
inline constexpr std::string_view kMd5 = "f2c7bb8acc97f92e987a2d4087d021b1";
inline constexpr std::string_view kMd5Base64 = "8se7isyX+S6Yei1Ah9AhsQ==";
inline constexpr std::string_view kSha1Base64 = "frATnSF1c5s8yw0REAZ4IL5qvSk=";
inline constexpr std::string_view kSha256Base64 = "FC4daI7wVoNww3GH/Z8jUdfd7aV0+L+psPpO9C24WqI=";
// A certificate and its public key.
inline constexpr std::string_view kCertBase64 = "bq4m24wTGCp5R5gpkbQyFzLMPeI=";
inline constexpr std::string_view kKeyBase64 = "O4ei1vOXcBYDZLeaFS/Mc7riet8=";
inline constexpr std::string_view kOtherKeyBase64 = "tMOy1ZbRRhwbtBe5Lc10gXq7gp0=";

// Senders: certificates, as the broker names them. Who may do what is in ServiceFixture::access.
inline constexpr std::string_view kAlice = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
inline constexpr std::string_view kBob = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
inline constexpr std::string_view kAdmin = "cccccccccccccccccccccccccccccccccccccccc";
inline constexpr std::string_view kSetter = "dddddddddddddddddddddddddddddddddddddddd";
inline constexpr std::string_view kReporter = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
inline constexpr std::string_view kSandbox = "ffffffffffffffffffffffffffffffffffffffff";

inline std::string hash_json(std::string_view type, std::string_view value) {
  return fmt::format(R"({{"type":"{}","value":"{}"}})", type, value);
}
inline std::string hashes_json(std::string_view md5, std::string_view sha1 = {},
                               std::string_view sha256 = {}) {
  std::string items;
  for (const auto& [type, value] :
       {std::pair("md5", md5), std::pair("sha1", sha1), std::pair("sha256", sha256)}) {
    if (value.empty()) continue;
    if (!items.empty()) items += ',';
    items += hash_json(type, value);
  }
  return "[" + items + "]";
}
inline std::string all_hashes() { return hashes_json(kMd5Base64, kSha1Base64, kSha256Base64); }
inline tie::FileHashes md5_hashes(std::string_view hex = kMd5) {
  return {.md5 = *tie::Md5::parse(hex)};
}
inline tie::Sha1 sha1_of(std::string_view base64) {
  return *tie::Sha1::from_bytes(*base::parse_base64(base64));
}
// As many files as a test likes, each with an MD5 of its own.
inline std::string numbered_md5(std::size_t number) { return fmt::format("{:032x}", number); }
inline std::string numbered_hashes(std::size_t number) {
  const tie::Md5 md5 = *tie::Md5::parse(numbered_md5(number));
  return hashes_json(base::to_base64(md5.view()));
}

inline std::string get_json(bool endpoint, const std::string& hashes = hashes_json(kMd5Base64)) {
  return "{\"hashes\":" + hashes + (endpoint ? "}" : ",\"scanType\":3}");
}
inline std::string set_json(int level, const std::string& hashes = hashes_json(kMd5Base64),
                            std::string_view filename = "a.exe", std::string_view comment = "c") {
  return fmt::format(
      R"({{"trustLevel":{},"providerId":3,"filename":"{}","comment":"{}","hashes":{}}})", level,
      filename, comment, hashes);
}
inline std::string agents_json(std::string_view limit = "500",
                               const std::string& hashes = hashes_json(kMd5Base64)) {
  return fmt::format(R"({{"queryLimit":{},"hashes":{}}})", limit, hashes);
}
inline std::string report_json(int level, std::string_view filename = "a.exe",
                               std::string_view md5 = kMd5, std::string_view comment = "") {
  return fmt::format(
      R"({{"file":{{"type":18,"hashes":{{"md5":"{}"}},"attributes":{{"filename":"{}"}},)"
      R"("reputation":{{"score":{}}}}},"provider":{{"id":15}},"comment":"{}"}})",
      md5, filename, level, comment);
}
inline std::string sandbox_json(int severity, std::string_view md5 = kMd5) {
  return fmt::format(
      R"({{"Summary":{{"Subject":{{"Name":"a.exe","md5":"{}"}},)"
      R"("Selectors":[{{"Engine":"Sandbox","Severity":"{}"}}],"Verdict":{{"Severity":"{}"}}}}}})",
      md5, severity, severity);
}

// Of a certificate; `more` begins with a comma.
inline std::string cert_json(std::string_view more = {}, std::string_view key = kKeyBase64,
                             std::string_view sha1 = kCertBase64) {
  std::string text = "{\"hashes\":[" + hash_json("sha1", sha1) + "]";
  if (!key.empty()) text += fmt::format(R"(,"publicKeySha1":"{}")", key);
  return text + std::string(more) + "}";
}
inline std::string get_cert_json(bool endpoint) {
  return cert_json(endpoint ? "" : R"(,"scanType":3)");
}
inline std::string set_cert_json(int level, std::string_view key = kKeyBase64) {
  return cert_json(fmt::format(R"(,"trustLevel":{},"providerId":4,"comment":"c")", level), key);
}

// `more` begins with a comma.
inline std::string metadata_json(std::string_view more = {},
                                 const std::string& hashes = hashes_json(kMd5Base64)) {
  return "{\"hashes\":" + hashes + std::string(more) + "}";
}
inline std::string signed_by_json(std::string_view certificate = kCertBase64) {
  return fmt::format(R"(,"certSha1":"{}","certPublicKeySha1":"{}")", certificate, kKeyBase64);
}

inline std::string updates_json(std::int64_t since, std::string_view more = {}) {
  return fmt::format(R"({{"sinceTime":{}{}}})", since, more);
}
inline std::string info_json(const std::string& hashes = hashes_json(kMd5Base64)) {
  return "{\"hashes\":[" + hashes + "]}";
}
inline std::string items_json(const std::vector<std::string>& items) {
  return fmt::format(R"({{"items":[{}]}})", fmt::join(items, ","));
}
inline std::string file_item(const std::string& hashes = hashes_json(kMd5Base64)) {
  return "{\"hashes\":" + hashes + "}";
}
inline std::string set_item(int provider, int level,
                            const std::string& hashes = hashes_json(kMd5Base64)) {
  return fmt::format(R"({{"providerId":{},"trustLevel":{},"filename":"a.exe","hashes":{}}})",
                     provider, level, hashes);
}
inline std::string set_cert_item(int level) {
  return cert_json(fmt::format(R"(,"type":"cert","providerId":4,"trustLevel":{})", level));
}

// A valid message for each topic of the service; those that write change something.
inline const std::map<std::string_view, std::string>& valid_payloads() {
  static const std::map<std::string_view, std::string> table{
      {tie::kTopicFileReputation, get_json(true)},
      {tie::kTopicFileReputationSet, set_json(1)},
      {tie::kTopicFileAgents, agents_json()},
      {tie::kTopicCertReputation, get_cert_json(true)},
      {tie::kTopicCertReputationSet, set_cert_json(1)},
      {tie::kTopicCertAgents, cert_json()},
      {tie::kTopicUpdates, updates_json(0)},
      {tie::kTopicFileMetadata, metadata_json()},
      {tie::kTopicCertMetadata, cert_json()},
      {tie::kTopicFileInfo, info_json()},
      {tie::kTopicFileSearch, R"({"searchString":"a"})"},
      {tie::kTopicExternalReport, report_json(1)},
      {tie::kTopicSandboxReport, sandbox_json(5)},
      {tie::kTopicBatchGet, items_json({file_item()})},
      {tie::kTopicBatchSet, items_json({set_item(3, 1)})},
      {tie::kTopicReportOutcome, R"({"messageId":"{1}"})"},
      {tie::kTopicExplain, file_item()},
      {tie::kTopicHistory, file_item()},
  };
  return table;
}

}  // namespace tiara::service
