// The decoders of answers.hpp; those of file info are in file_info.cpp.
#include <utility>

#include "tie/answers.hpp"
#include "tie/payload_reader.hpp"
#include "tie/reputations_reader.hpp"

namespace tie {
namespace {

// `relationships.certificate`.
std::optional<Certificate> read_relationship(ObjectReader& members, Findings& findings) {
  const auto relationships = members.object("relationships");
  if (!relationships) return std::nullopt;
  const auto certificate =
      ObjectReader(*relationships, "relationships.", findings.request).object("certificate");
  if (!certificate) return std::nullopt;
  ObjectReader of_certificate(*certificate, "relationships.certificate.", findings.request);
  const auto list = of_certificate.array("hashes");
  const auto public_key = read_sha1(of_certificate, "publicKeySha1", findings);
  if (!list) return std::nullopt;
  const FileHashes hashes = read_hashes(*list, findings, Need::kOptional);
  if (!hashes.sha1) return std::nullopt;
  return Certificate{*hashes.sha1, public_key};
}

std::optional<ChangeCause> read_cause(ObjectReader& members, Findings& findings) {
  const auto object = members.object("cause");
  if (!object) return std::nullopt;
  ObjectReader of_cause(*object, "cause.", findings.request);
  const auto provider = of_cause.integer("providerId").value_or(0);
  ChangeCause cause;
  cause.kind = of_cause.text("kind").value_or("");
  if (!std::in_range<std::int32_t>(provider))
    findings.request.note("cause.providerId: out of range");
  else
    cause.provider = static_cast<Provider>(provider);
  return cause;
}

// What the changes of files and certificates have in common.
template <class Change>
void read_change(ObjectReader& members, Change& change, Findings& findings) {
  if (const auto before = members.object("oldReputations"))
    change.old_reputations = read_reputations(*before, findings);
  if (const auto after = members.object("newReputations"))
    change.new_reputations = read_reputations(*after, findings);
  change.update_time = members.integer("updateTime").value_or(0);
  change.change_id = members.count("changeId").value_or(0);
  change.cause = read_cause(members, findings);
}

// Calls `read(item)` for each object of a list that may be missing.
template <class F>
void read_objects(ObjectReader& members, std::string_view name, Findings& findings, F read) {
  const auto list = members.array(name);
  if (!list) return;
  list->for_each_element([&](const dxl::JsonValue& item) {
    if (item.is_object())
      read(item);
    else
      findings.request.note(members.full_name(name) + ": expected an array of objects");
    return !findings.request.found();
  });
}

// One digest per subject; what is of an unknown type names nothing we could drop.
void read_update_list(ObjectReader& members, std::string_view name, Findings& findings,
                      std::vector<FileHashes>& subjects) {
  read_objects(members, name, findings, [&](const dxl::JsonValue& item) {
    const FileHashes hashes = read_hash(item, findings);
    if (!hashes.empty()) subjects.push_back(hashes);
  });
}

}  // namespace

dxl::Result<Reputations> decode_reputations(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    return read_reputations(members.whole(), findings);
  });
}

dxl::Result<FileReputationChange> decode_file_change(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    FileReputationChange change;
    change.hashes = read_hashes(members, findings);
    read_change(members, change, findings);
    change.signer = read_relationship(members, findings);
    return change;
  });
}

dxl::Result<CertificateReputationChange> decode_cert_change(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    CertificateReputationChange change;
    change.certificate = read_certificate(members, findings);
    read_change(members, change, findings);
    return change;
  });
}

dxl::Result<FirstReferences> decode_first_references(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    FirstReferences references;
    read_objects(members, "agents", findings, [&](const dxl::JsonValue& item) {
      ObjectReader agent(item, "agents[].", findings.request);
      references.agents.push_back(
          {std::string(agent.text("agentGuid", Need::kRequired).value_or("")),
           agent.integer("date").value_or(0)});
    });
    references.total_count = members.count("totalCount").value_or(references.agents.size());
    return references;
  });
}

dxl::Result<Updates> decode_updates(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    Updates updates;
    read_update_list(members, "fileHashes", findings, updates.files);
    std::vector<FileHashes> certificates;
    read_update_list(members, "certificateHashes", findings, certificates);
    for (const FileHashes& hashes : certificates)
      if (hashes.sha1) updates.certificates.push_back(*hashes.sha1);
    updates.latest_update_time = members.integer("latestUpdateTime").value_or(0);
    if (const auto object_of_props = members.object("props")) {
      ObjectReader props(*object_of_props, "props.", findings.request);
      updates.more = props.flag("queryLimitExceeded");
      updates.server_time = props.integer("serverTime").value_or(0);
    }
    return updates;
  });
}

dxl::Result<FirstInstance> decode_first_instance(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    FirstInstance event;
    event.agent_guid = members.text("agentGuid").value_or("");
    event.hashes = read_hashes(members, findings);
    event.name = members.text("name").value_or("");
    return event;
  });
}

dxl::Result<Prevalence> decode_prevalence(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    Prevalence event;
    event.agent_guid = members.text("agentGuid").value_or("");
    event.hashes = read_hashes(members, findings);
    event.agent_first_reference = members.integer("agentFirstReference").value_or(0);
    event.enterprise_count = members.count("enterpriseCount").value_or(0);
    event.prevalent = members.flag("prevalent");
    event.name = members.text("name").value_or("");
    return event;
  });
}

dxl::Result<Detection> decode_detection(std::string_view payload) {
  return decode_answer(payload, [](ObjectReader& members, Findings& findings) {
    Detection event;
    event.agent_guid = members.text("agentGuid").value_or("");
    event.hashes = read_hashes(members, findings);
    event.detection_time = members.integer("detectionTime").value_or(0);
    event.local_reputation = members.integer("localReputation").value_or(0);
    event.remediation_action = members.integer("remediationAction").value_or(0);
    event.name = members.text("name").value_or("");
    return event;
  });
}

}  // namespace tie
