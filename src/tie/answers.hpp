// What the service sends: answers and events (TIE reference §3), both ways.
//
// Decoders are the client's side: forgiving where the original clients are, and without a code, as
// the peer is not told. `reputations`, `props`, attributes, levels and dates may be missing,
// providers may be unknown, and of a provider given twice the last entry counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "tie/events.hpp"
#include "tie/file_info.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"
#include "tie/requests.hpp"
#include "tie/rules.hpp"
#include "tie/updates.hpp"

namespace tie {

// What an answer or a change event may hold; the original has 5 providers and 26 attributes.
inline constexpr std::size_t kMaxReputationEntries = 64;
inline constexpr std::size_t kMaxAttributes = 1024;  // of one provider

// {"reputations":[…],"props":{…}}. `overridden`, if set, goes into the entry of provider 4 and to
// the top, because clients look for it in one place or the other (§3.4).
void append_reputations(const Reputations& reputations, std::string& out);
dxl::Result<Reputations> decode_reputations(std::string_view payload);

// Change events (§3.11). `extras` says what goes out; change_id and cause of the change itself are
// those of a decoded event and are not written.
struct ChangeEventExtras {
  std::uint64_t change_id = 0;  // extensions.md: strictly increasing, no holes; 0 = leave out
  std::int32_t cause_provider = 0;
  std::string_view cause_kind;  // "enterprise", "external", …; empty = leave the cause out
};
void append_file_change(const FileReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out);
void append_cert_change(const CertificateReputationChange& change, const ChangeEventExtras& extras,
                        std::string& out);
// A change without a usable digest is an error, a signer without one is no signer.
dxl::Result<FileReputationChange> decode_file_change(std::string_view payload);
dxl::Result<CertificateReputationChange> decode_cert_change(std::string_view payload);

// Files that an answer lists in each of the two places (L18) without becoming too long.
inline constexpr std::int64_t kMaxOverridden = 2'000;

// First references. Those that no message could carry are left out; totalCount counts them. A peer
// that sends no totalCount has as many as it lists.
void append_first_references(const FirstReferences& references, std::string& out);
dxl::Result<FirstReferences> decode_first_references(std::string_view payload);

// Updates (§3.7).
void append_updates(const Updates& updates, const GetUpdates& request, std::string& out);
dxl::Result<Updates> decode_updates(std::string_view payload);

// File info and search (§3.10): {"results":[…]}. Opened, then info by info, until one no longer
// fits into an answer: it is left out and false returned. Closed with "truncated": true unless all
// are in.
void append_file_infos_open(std::string& out);
bool append_file_info(const FileInfo& info, std::string& out);
void append_file_infos_close(bool all, std::string& out);
void append_file_infos(const std::vector<FileInfo>& infos, std::string& out);
dxl::Result<std::vector<FileInfo>> decode_file_infos(std::string_view payload);

// First-instance and prevalence events (§3.13, §3.14).
void append_first_instance(const FileHashes& hashes, std::string_view agent_guid,
                           std::string_view name, std::string& out);
dxl::Result<FirstInstance> decode_first_instance(std::string_view payload);
void append_prevalence(const FileHashes& hashes, std::string_view agent_guid,
                       std::int64_t agent_first_reference, std::uint64_t enterprise_count,
                       bool prevalent, std::string& out);
dxl::Result<Prevalence> decode_prevalence(std::string_view payload);

// Detection event (§3.12).
void append_detection(const Detection& detection, std::string& out);
dxl::Result<Detection> decode_detection(std::string_view payload);

}  // namespace tie
