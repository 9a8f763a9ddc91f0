// Every kind of payload the codec reads, as one table. For tests and fuzzing only.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tie/codec.hpp"

namespace tie {

enum class Reader : std::uint8_t { kService, kReports, kClient };  // whose codes a refusal carries

struct PayloadKind {
  std::string_view name;
  Reader reader;
  // Decodes the payload and writes what was read. Empty if we have no encoder.
  dxl::Result<std::string> (*rewrite)(std::string_view payload);
  std::string_view topic;
  std::string_view role;              // "request", "response", "event"
  std::string_view other_topic = {};  // that carries the same payload
};

namespace rewriting {

template <auto Decode, auto Append>
dxl::Result<std::string> plain(std::string_view payload) {
  const auto value = Decode(payload);
  if (!value) return dxl::fail(value.error());
  std::string out;
  Append(*value, out);
  return out;
}

inline void append(const GetFileReputation& get, std::string& out) {
  append_get_file_reputation(get.hashes, out);
}
inline void append(const GetCertReputation& get, std::string& out) {
  append_get_cert_reputation(get.certificate, out);
}
inline void append(const SandboxReport&, std::string&) {}
inline void append(const std::string& message_id, std::string& out) {
  append_outcome_request(message_id, out);
}
template <class Change>
ChangeEventExtras extras_of(const Change& change) {
  if (!change.cause) return {change.change_id, 0, {}};
  return {change.change_id, static_cast<std::int32_t>(change.cause->provider), change.cause->kind};
}
inline void append(const FileReputationChange& change, std::string& out) {
  append_file_change(change, extras_of(change), out);
}
inline void append(const CertificateReputationChange& change, std::string& out) {
  append_cert_change(change, extras_of(change), out);
}
inline void append(const Updates& updates, std::string& out) { append_updates(updates, {}, out); }
inline void append(const FirstInstance& event, std::string& out) {
  append_first_instance(event.hashes, event.agent_guid, event.name, out);
}
inline void append(const Prevalence& event, std::string& out) {
  append_prevalence(event.hashes, event.agent_guid, event.agent_first_reference,
                    event.enterprise_count, event.prevalent, out);
}
inline void append(const BatchReputations& answer, std::string& out) {
  append_batch_open(out);
  for (const BatchReputations::Item& item : answer.items) {
    append_batch_separator(out);
    if (item.error)
      append_batch_error(*item.error, out);
    else
      append_reputations(item.reputations, out);
  }
  append_batch_close(answer.server_time, out);
}

template <auto Decode>
dxl::Result<std::string> special(std::string_view payload) {
  const auto value = Decode(payload);
  if (!value) return dxl::fail(value.error());
  std::string out;
  append(*value, out);
  return out;
}

}  // namespace rewriting

inline const auto& payload_kinds() {
  using rewriting::plain;
  using rewriting::special;
  constexpr auto kService = Reader::kService;
  constexpr auto kReports = Reader::kReports;
  constexpr auto kClient = Reader::kClient;
  static const std::array kinds = {
      PayloadKind{"get file", kService, special<decode_get_file_reputation>, kTopicFileReputation,
                  "request"},
      PayloadKind{"set file", kService,
                  plain<decode_set_file_reputation, append_set_file_reputation>,
                  kTopicFileReputationSet, "request"},
      PayloadKind{"get cert", kService, special<decode_get_cert_reputation>, kTopicCertReputation,
                  "request"},
      PayloadKind{"set cert", kService,
                  plain<decode_set_cert_reputation, append_set_cert_reputation>,
                  kTopicCertReputationSet, "request"},
      PayloadKind{"get file agents", kService,
                  plain<decode_get_file_agents, append_get_file_agents>, kTopicFileAgents,
                  "request"},
      PayloadKind{"get cert agents", kService,
                  plain<decode_get_cert_agents, append_get_cert_agents>, kTopicCertAgents,
                  "request"},
      PayloadKind{"get updates", kService, plain<decode_get_updates, append_get_updates>,
                  kTopicUpdates, "request"},
      PayloadKind{"file metadata", kService, plain<decode_file_metadata, append_file_metadata>,
                  kTopicFileMetadata, "request"},
      PayloadKind{"cert metadata", kService, plain<decode_cert_metadata, append_cert_metadata>,
                  kTopicCertMetadata, "request"},
      PayloadKind{"get file info", kService, plain<decode_get_file_info, append_get_file_info>,
                  kTopicFileInfo, "request"},
      PayloadKind{"search files", kService, plain<decode_search_files, append_search_files>,
                  kTopicFileSearch, "request"},
      PayloadKind{"batch get", kService, plain<decode_batch_get, append_batch_get>, kTopicBatchGet,
                  "request"},
      PayloadKind{"batch set", kService, plain<decode_batch_set, append_batch_set>, kTopicBatchSet,
                  "request"},
      PayloadKind{"explain", kService, plain<decode_explain, append_explain_request>, kTopicExplain,
                  "request"},
      PayloadKind{"history", kService, plain<decode_history, append_history_request>, kTopicHistory,
                  "request"},
      PayloadKind{"ask for outcome", kService, special<decode_outcome_request>, kTopicReportOutcome,
                  "request"},
      PayloadKind{"external report", kReports,
                  plain<decode_external_report, append_external_report>, kTopicExternalReport,
                  "event"},
      PayloadKind{"sandbox report", kReports, special<decode_sandbox_report>, kTopicSandboxReport,
                  "event"},
      PayloadKind{"reputations", kClient, plain<decode_reputations, append_reputations>,
                  kTopicFileReputation, "response", kTopicCertReputation},
      PayloadKind{"file change", kClient, special<decode_file_change>, kTopicFileChangeBroadcast,
                  "event", kTopicFileChange},
      PayloadKind{"cert change", kClient, special<decode_cert_change>, kTopicCertChangeBroadcast,
                  "event", kTopicCertChange},
      PayloadKind{"first references", kClient,
                  plain<decode_first_references, append_first_references>, kTopicFileAgents,
                  "response", kTopicCertAgents},
      PayloadKind{"updates", kClient, special<decode_updates>, kTopicUpdates, "response"},
      PayloadKind{"file infos", kClient, plain<decode_file_infos, append_file_infos>,
                  kTopicFileInfo, "response", kTopicFileSearch},
      PayloadKind{"first instance", kClient, special<decode_first_instance>,
                  kTopicFileFirstInstance, "event"},
      PayloadKind{"prevalence", kClient, special<decode_prevalence>, kTopicFilePrevalence, "event"},
      PayloadKind{"detection", kClient, plain<decode_detection, append_detection>,
                  kTopicFileDetection, "event"},
      PayloadKind{"batch reputations", kClient, special<decode_batch_reputations>, kTopicBatchGet,
                  "response"},
      PayloadKind{"batch outcomes", kClient, plain<decode_batch_outcomes, append_batch_outcomes>,
                  kTopicBatchSet, "response"},
      PayloadKind{"explanation", kClient, plain<decode_explanation, append_explanation>,
                  kTopicExplain, "response"},
      PayloadKind{"history entries", kClient, plain<decode_history_entries, append_history>,
                  kTopicHistory, "response"},
      PayloadKind{"outcome", kClient, plain<decode_outcome, append_outcome>, kTopicReportOutcome,
                  "response"},
  };
  return kinds;
}

inline const PayloadKind* find_kind(std::string_view topic, std::string_view role) {
  for (const PayloadKind& kind : payload_kinds())
    if ((kind.topic == topic || kind.other_topic == topic) && kind.role == role) return &kind;
  return nullptr;
}

}  // namespace tie
