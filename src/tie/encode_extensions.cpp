// The encoders of extensions.hpp.
#include "tie/extensions.hpp"
#include "tie/json_text.hpp"

namespace tie {
namespace {

// What names a file or certificate in an extension's request; neither: an empty list of digests.
void append_target(const std::optional<FileHashes>& file,
                   const std::optional<Certificate>& certificate, std::string& out) {
  if (!certificate) return append_hash_array(file.value_or(FileHashes{}), out);
  append_member("type", "cert", out);
  append_certificate(*certificate, out);
}

void append_set_item(const BatchSetItem& item, std::string& out) {
  separate(out);
  out += '{';
  append_member("type", item.certificate ? "cert" : "file", out);
  append_member("providerId", item.provider, out);
  append_member("trustLevel", item.trust_level, out);
  if (item.certificate) {
    append_certificate(*item.certificate, out);
  } else {
    append_hash_array(item.file, out);
    append_member("filename", item.filename, out);
    append_member("fileType", item.file_type, out);
  }
  append_member("comment", item.comment, out);
  out += '}';
}

}  // namespace

void append_batch_get(const BatchGet& get, std::string& out) {
  out += R"({"items":[)";
  for (const BatchGetItem& item : get.items) {
    separate(out);
    out += '{';
    append_target(item.file, item.certificate, out);
    out += '}';
  }
  out += ']';
  append_optional("scanType", get.scan_type, out);
  out += '}';
}

void append_batch_set(const std::vector<BatchSetItem>& items, std::string& out) {
  out += R"({"items":[)";
  for (const BatchSetItem& item : items) append_set_item(item, out);
  out += "]}";
}

void append_batch_open(std::string& out) { out += R"({"results":[)"; }

void append_batch_separator(std::string& out) { separate(out); }

void append_batch_error(const BatchError& error, std::string& out) {
  out += R"({"error":{)";
  append_member("code", static_cast<std::uint32_t>(error.code), out);
  append_member("message", error.message, out);
  out += "}}";
}

void append_batch_close(std::int64_t server_time, std::string& out) {
  out += R"(],"props":{)";
  append_member("serverTime", server_time, out);
  out += "}}";
}

void append_batch_outcomes(const std::vector<BatchOutcome>& outcomes, std::string& out) {
  out += R"({"results":[)";
  for (const BatchOutcome& outcome : outcomes) {
    separate(out);
    out += '{';
    append_member("outcome", outcome.outcome, out);
    append_member("reason", outcome.reason, out);
    out += '}';
  }
  out += "]}";
}

void append_explain_request(const ExplainRequest& request, std::string& out) {
  out += '{';
  append_target(request.file, request.certificate, out);
  out += '}';
}

void append_explanation(const Explanation& explanation, std::string& out) {
  out += R"({"composite":{)";
  append_member("trustLevel", explanation.trust_level, out);
  append_optional("providerId", explanation.provider, out);
  append_member("step", explanation.step, out);
  out += R"(},"steps":[)";
  for (const ExplainStep& step : explanation.steps) {
    separate(out);
    out += '{';
    append_member("step", step.step, out);
    append_member("rule", step.rule, out);
    append_member("matched", step.matched, out);
    append_member("detail", step.detail, out);
    out += '}';
  }
  out += "]}";
}

void append_history_request(const HistoryRequest& request, std::string& out) {
  out += '{';
  append_target(request.file, request.certificate, out);
  append_member("limit", request.limit, out);
  out += '}';
}

void append_history(const std::vector<HistoryEntry>& entries, std::string& out) {
  out += R"({"entries":[)";
  const bool all = append_what_fits(entries, out, [&out](const HistoryEntry& entry) {
    separate(out);
    out += '{';
    append_member("time", entry.time, out);
    append_member("providerId", entry.provider, out);
    append_member("old", entry.old_level, out);
    append_member("new", entry.new_level, out);
    append_member("comment", entry.comment, out);
    append_text("kind", entry.kind, out);
    out += R"(,"actor":{)";
    append_member("certificate", entry.actor_certificate, out);
    append_member("name", entry.actor_name, out);
    append_member("clientId", entry.actor_client_id, out);
    out += "}}";
  });
  out += all ? "]}" : R"(],"truncated":true})";
}

void append_outcome_request(std::string_view message_id, std::string& out) {
  out += '{';
  append_member("messageId", message_id, out);
  out += '}';
}

void append_outcome(const ReportOutcome& outcome, std::string& out) {
  out += '{';
  append_member("outcome", outcome.outcome, out);
  append_member("reason", outcome.reason, out);
  append_member("time", outcome.time, out);
  out += '}';
}

}  // namespace tie
