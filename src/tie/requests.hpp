// The requests of the original clients about reputations, first references, updates and file info
// (TIE reference §3.1 to §3.7, §3.10), both ways.
//
// Decoders are the service's side. Trailing NULs and white space are stripped in any order (§1.3).
// Absent and null are the same, and so are an absent and an empty base64 text that is optional.
// Errors are kMalformed or kLimitExceeded with a ServiceError in peer_code; of several mistakes
// kBadRequest comes first, then level, provider, hashes, parameter.
//
// Encoders are the client's side, byte for byte in the member order of the Python client where it
// has the request, compact.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"
#include "tie/rules.hpp"
#include "tie/sets.hpp"
#include "tie/updates.hpp"

namespace tie {

struct GetFileReputation {
  FileHashes hashes;
  std::optional<std::int64_t> scan_type{};  // 3 marks an API client: a pure read (L4)
  std::optional<std::int64_t> file_type{};
  std::string agent_guid;  // empty if absent
  // certSha1 with certPublicKeySha1; a public key without a certificate names no signer (L23).
  std::optional<Certificate> signer{};
};
dxl::Result<GetFileReputation> decode_get_file_reputation(std::string_view payload);
void append_get_file_reputation(const FileHashes& hashes, std::string& out);  // with scanType 3
void append_endpoint_lookup(const GetFileReputation& get, std::string& out);  // as it says

dxl::Result<SetFileReputation> decode_set_file_reputation(std::string_view payload);
void append_set_file_reputation(const SetFileReputation& set, std::string& out);

// Certificates: one sha1, and publicKeySha1 (certPublicKeySha1 is accepted too).
struct GetCertReputation {
  Certificate certificate;
  std::optional<std::int64_t> scan_type{};
  std::string agent_guid;
};
dxl::Result<GetCertReputation> decode_get_cert_reputation(std::string_view payload);
// With scanType 3, which the Python client does not send: without it we would count as an endpoint.
void append_get_cert_reputation(const Certificate& certificate, std::string& out);

dxl::Result<SetCertReputation> decode_set_cert_reputation(std::string_view payload);
void append_set_cert_reputation(const SetCertReputation& set, std::string& out);

// First references. The limit is clamped to 1..kMaxQueryLimit (L10); nullopt: the setting decides.
// Encoders leave out a limit that is not set.
struct GetFileAgents {
  FileHashes hashes;
  std::optional<std::int64_t> query_limit{};
};
dxl::Result<GetFileAgents> decode_get_file_agents(std::string_view payload);
void append_get_file_agents(const GetFileAgents& get, std::string& out);

struct GetCertAgents {
  Certificate certificate;
  std::optional<std::int64_t> query_limit{};
};
dxl::Result<GetCertAgents> decode_get_cert_agents(std::string_view payload);
void append_get_cert_agents(const GetCertAgents& get, std::string& out);

// Updates (§3.7, L22). `since` below 0 becomes 0, the limit is clamped.
dxl::Result<GetUpdates> decode_get_updates(std::string_view payload);
// Files alone with kAny are asked for as sha1, which comes first in the default order.
void append_get_updates(const GetUpdates& get, std::string& out);

// File info and search (§3.10). Every list of digests must be usable.
inline constexpr std::size_t kMaxInfoFiles = 1'000;
dxl::Result<std::vector<FileHashes>> decode_get_file_info(std::string_view payload);
void append_get_file_info(const std::vector<FileHashes>& files, std::string& out);

inline constexpr std::int64_t kMaxSearchRows = 1'000;
struct SearchFiles {
  std::string text;
  std::int64_t rows = 100;  // clamped to 1..kMaxSearchRows
};
dxl::Result<SearchFiles> decode_search_files(std::string_view payload);
void append_search_files(const SearchFiles& search, std::string& out);

}  // namespace tie
