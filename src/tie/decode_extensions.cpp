// The decoders of extensions.hpp.
#include <utility>

#include <fmt/format.h>

#include "tie/extensions.hpp"
#include "tie/payload_reader.hpp"
#include "tie/reputations_reader.hpp"

namespace tie {
namespace {

constexpr std::uint32_t kBadRequest = static_cast<std::uint32_t>(ServiceError::kBadRequest);

constexpr std::string_view kFileType = "file";
constexpr std::string_view kCertType = "cert";

struct Target {
  std::optional<FileHashes> file;
  std::optional<Certificate> certificate;
};

// Which of the two `type` names, or `otherwise` without one.
bool read_is_certificate(ObjectReader& members, bool otherwise, Findings& findings) {
  const auto type = members.text("type");
  if (!type) return otherwise;
  if (*type != kFileType && *type != kCertType)
    findings.parameter.note(members.full_name("type") + ": expected file or cert");
  return *type == kCertType;
}

Target read_target(ObjectReader& members, Findings& findings) {
  Target target;
  if (read_is_certificate(members, false, findings))
    target.certificate = read_certificate(members, findings);
  else
    target.file = read_hashes(members, findings);
  return target;
}

BatchError to_batch_error(const Findings& findings) { return {findings.code(), findings.text()}; }

BatchError not_an_object() { return {ServiceError::kBadRequest, "items[]: expected an object"}; }

BatchGetItem read_get_item(const dxl::JsonValue& value) {
  BatchGetItem item;
  if (!value.is_object()) {
    item.error = not_an_object();
    return item;
  }
  Findings findings;
  ObjectReader members(value, "items[].", findings.request);
  Target target = read_target(members, findings);
  if (findings.any()) {
    item.error = to_batch_error(findings);
  } else {
    item.file = target.file;
    item.certificate = target.certificate;
  }
  return item;
}

// What `providerId` says, or what goes with `type` without one.
Provider read_set_provider(ObjectReader& members, bool& is_certificate, Findings& findings) {
  const auto number = members.integer_or_text("providerId");
  const bool by_provider = number == static_cast<std::int64_t>(Provider::kCertEnterprise);
  is_certificate = read_is_certificate(members, by_provider, findings);
  if (!number) return is_certificate ? Provider::kCertEnterprise : Provider::kEnterprise;
  const bool fits = is_certificate ? by_provider
                                   : *number == static_cast<std::int64_t>(Provider::kEnterprise) ||
                                         *number == static_cast<std::int64_t>(Provider::kExternal);
  if (!fits) {
    findings.provider.note(fmt::format("items[].providerId: expected {}, found {}",
                                       is_certificate ? "4" : "3 or 15", *number));
    return Provider::kEnterprise;
  }
  return static_cast<Provider>(*number);
}

BatchSetItem read_set_item(const dxl::JsonValue& value) {
  BatchSetItem item;
  if (!value.is_object()) {
    item.error = not_an_object();
    return item;
  }
  Findings findings;
  ObjectReader members(value, "items[].", findings.request);
  bool is_certificate = false;
  item.provider = read_set_provider(members, is_certificate, findings);
  item.trust_level = read_level(members, findings);
  if (is_certificate)
    item.certificate = read_certificate(members, findings);
  else
    item.file = read_hashes(members, findings);
  item.filename = read_cut(members, "filename");
  item.comment = read_cut(members, "comment");
  item.file_type = static_cast<FileType>(members.count("fileType").value_or(0));
  if (!findings.any()) return item;
  BatchSetItem refused;
  refused.error = to_batch_error(findings);
  return refused;
}

template <class Item>
dxl::Result<std::vector<Item>> read_items(const dxl::JsonValue& object,
                                          Item (*read)(const dxl::JsonValue&)) {
  Mistake mistake;
  const auto list = ObjectReader(object, "", mistake).array("items", Need::kRequired);
  if (!list) return refuse(ServiceError::kBadRequest, std::move(mistake.text));
  std::vector<Item> items;
  bool too_many = false;
  list->for_each_element([&](const dxl::JsonValue& value) {
    too_many = items.size() == kMaxBatchItems;
    if (!too_many) items.push_back(read(value));
    return !too_many;
  });
  if (too_many) {
    return dxl::fail(dxl::ErrorCode::kLimitExceeded,
                     fmt::format("items: more than {}", kMaxBatchItems), kBadRequest);
  }
  return items;
}

// Calls `read(members)` for each object of a list that must be there, at most `most` of them.
template <class F>
void read_list(ObjectReader& of_list, std::string_view name, std::string_view path,
               std::size_t most, Findings& findings, F read) {
  const auto list = of_list.array(name, Need::kRequired);
  if (!list) return;
  std::size_t seen = 0;
  list->for_each_element([&](const dxl::JsonValue& value) {
    if (!value.is_object()) {
      findings.request.note(fmt::format("{}: expected an array of objects", name));
    } else if (seen++ == most) {
      findings.request.note(fmt::format("{}: more than {}", name, most));
    } else {
      ObjectReader members(value, path, findings.request);
      read(members, value);
    }
    return !findings.request.found();
  });
}

int read_step(ObjectReader& members, Findings& findings) {
  const auto step = members.integer("step").value_or(0);
  if (std::in_range<int>(step)) return static_cast<int>(step);
  findings.request.note(members.full_name("step") + ": out of range");
  return 0;
}

// Members that hold an open enumeration; absent: 0.
template <class Enum>
Enum read_enum(ObjectReader& members, std::string_view name, Findings& findings) {
  const auto number = members.integer(name).value_or(0);
  if (std::in_range<std::underlying_type_t<Enum>>(number)) return static_cast<Enum>(number);
  findings.request.note(members.full_name(name) + ": out of range");
  return {};
}

std::string read_text(ObjectReader& members, std::string_view name) {
  return std::string(members.text(name).value_or(""));
}

void read_actor(ObjectReader& members, HistoryEntry& entry, Findings& findings) {
  const auto object = members.object("actor");
  if (!object) return;
  ObjectReader actor(*object, "entries[].actor.", findings.request);
  entry.actor_certificate = read_text(actor, "certificate");
  entry.actor_name = read_text(actor, "name");
  entry.actor_client_id = read_text(actor, "clientId");
}

constexpr std::size_t kMaxExplainSteps = 100;

}  // namespace

dxl::Result<BatchGet> decode_batch_get(std::string_view payload) {
  const auto object = parse_object(payload, kBadRequest);
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  const auto scan_type = ObjectReader(*object, "", mistake).integer("scanType");
  if (mistake.found()) return refuse(ServiceError::kBadRequest, std::move(mistake.text));
  auto items = read_items(*object, read_get_item);
  if (!items) return dxl::fail(std::move(items.error()));
  return BatchGet{std::move(*items), scan_type};
}

dxl::Result<std::vector<BatchSetItem>> decode_batch_set(std::string_view payload) {
  const auto object = parse_object(payload, kBadRequest);
  if (!object) return dxl::fail(object.error());
  return read_items(*object, read_set_item);
}

dxl::Result<BatchReputations> decode_batch_reputations(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& whole, Findings& findings) {
    BatchReputations answer;
    read_list(whole, "results", "results[].", kMaxBatchItems, findings,
              [&](ObjectReader& members, const dxl::JsonValue& value) {
                BatchReputations::Item& item = answer.items.emplace_back();
                const auto error = members.object("error");
                if (!error) {
                  item.reputations = read_reputations(value, findings);
                  return;
                }
                ObjectReader of_error(*error, "results[].error.", findings.request);
                item.error = BatchError{read_enum<ServiceError>(of_error, "code", findings),
                                        read_text(of_error, "message")};
              });
    if (const auto props = whole.object("props"))
      answer.server_time =
          ObjectReader(*props, "props.", findings.request).integer("serverTime").value_or(0);
    return answer;
  });
}

dxl::Result<std::vector<BatchOutcome>> decode_batch_outcomes(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& whole, Findings& findings) {
    std::vector<BatchOutcome> outcomes;
    read_list(
        whole, "results", "results[].", kMaxBatchItems, findings,
        [&](ObjectReader& members, const dxl::JsonValue&) {
          const auto outcome = members.text("outcome", Need::kRequired);
          outcomes.push_back({std::string(outcome.value_or("")), read_text(members, "reason")});
        });
    return outcomes;
  });
}

dxl::Result<ExplainRequest> decode_explain(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    const Target target = read_target(members, findings);
    return ExplainRequest{target.file, target.certificate};
  });
}

dxl::Result<Explanation> decode_explanation(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& whole, Findings& findings) {
    Explanation explanation;
    if (const auto composite = whole.object("composite", Need::kRequired)) {
      ObjectReader members(*composite, "composite.", findings.request);
      explanation.trust_level = read_enum<TrustLevel>(members, "trustLevel", findings);
      if (members.value("providerId"))
        explanation.provider = read_enum<Provider>(members, "providerId", findings);
      explanation.step = read_step(members, findings);
    }
    read_list(
        whole, "steps", "steps[].", kMaxExplainSteps, findings,
        [&](ObjectReader& members, const dxl::JsonValue&) {
          explanation.steps.push_back({read_step(members, findings), read_text(members, "rule"),
                                       members.flag("matched"), read_text(members, "detail")});
        });
    return explanation;
  });
}

dxl::Result<HistoryRequest> decode_history(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    const Target target = read_target(members, findings);
    HistoryRequest request{target.file, target.certificate};
    request.limit =
        read_clamped(members, "limit", 1, kMaxHistoryEntries, findings).value_or(request.limit);
    return request;
  });
}

dxl::Result<std::vector<HistoryEntry>> decode_history_entries(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& whole, Findings& findings) {
    std::vector<HistoryEntry> entries;
    read_list(whole, "entries", "entries[].", kMaxHistoryEntries, findings,
              [&](ObjectReader& members, const dxl::JsonValue&) {
                HistoryEntry& entry = entries.emplace_back();
                entry.time = members.integer("time").value_or(0);
                entry.provider = read_enum<Provider>(members, "providerId", findings);
                entry.old_level = read_enum<TrustLevel>(members, "old", findings);
                entry.new_level = read_enum<TrustLevel>(members, "new", findings);
                entry.comment = read_text(members, "comment");
                entry.kind = read_text(members, "kind");
                read_actor(members, entry, findings);
              });
    return entries;
  });
}

dxl::Result<std::string> decode_outcome_request(std::string_view payload) {
  const auto object = parse_object(payload, kBadRequest);
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  const auto id = ObjectReader(*object, "", mistake).text("messageId", Need::kRequired);
  if (id && id->empty()) mistake.note("messageId: empty");
  if (mistake.found()) return refuse(ServiceError::kBadRequest, std::move(mistake.text));
  return std::string(*id);
}

dxl::Result<ReportOutcome> decode_outcome(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings&) {
    ReportOutcome outcome;
    outcome.outcome = members.text("outcome", Need::kRequired).value_or("");
    outcome.reason = read_text(members, "reason");
    outcome.time = members.integer("time").value_or(0);
    return outcome;
  });
}

}  // namespace tie
