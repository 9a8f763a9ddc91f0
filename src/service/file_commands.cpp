// Commands about files (TIE reference §3.1, §3.2, §3.8, §3.15, §3.16, §6.16). What can fail comes
// before anything is taken over, so that a command is applied whole or not at all.
#include <optional>
#include <utility>

#include "service/command_processor.hpp"
#include "store/agent_key.hpp"
#include "tie/codec.hpp"

namespace tiara::service {

using reputation::FileRecord;
using reputation::strongest_key;
using store::AuditKind;

CommandProcessor::Applied CommandProcessor::apply(const SetCommand& command, Completed& result) {
  return set_file(command.set, command.actor, result);
}

CommandProcessor::Applied CommandProcessor::set_file(const tie::SetFileReputation& set,
                                                     const Actor& actor, Completed& result) {
  const dxl::Result<Found> found = find(set.hashes, false);
  if (!found) return dxl::fail(found.error());
  const reputation::Outcome outcome = reputation::apply_set(
      set.hashes, set.trust_level, set.filename, set.comment, group_.now(), found->known);
  const Cause cause{.kind = AuditKind::kEnterprise,
                    .provider = tie::Provider::kEnterprise,
                    .comment = set.comment,
                    .actor = actor};
  group_.take(outcome, *found, cause, result);
  group_.must_be_synced();
  // A set is on record also when the level was the same.
  if (outcome.events.empty() && !outcome.store.empty()) {
    group_.add_audit({.kind = cause.kind,
                      .hashes = outcome.store.front().hashes,
                      .provider = cause.provider,
                      .old_level = set.trust_level,
                      .new_level = set.trust_level,
                      .comment = set.comment,
                      .actor = actor});
  }
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const ReportCommand& command, Completed& result) {
  return report_file(command.report, command.actor, result);
}

CommandProcessor::Applied CommandProcessor::report_file(const tie::ExternalReport& report,
                                                        const Actor& actor, Completed& result) {
  const dxl::Result<Found> found = find(report.hashes, false);
  if (!found) return dxl::fail(found.error());
  group_.take(
      reputation::apply_external(report, group_.now(), *context_.settings.get(), found->known),
      *found,
      {.kind = AuditKind::kExternal,
       .provider = tie::Provider::kExternal,
       .comment = report.comment,
       .actor = actor},
      result);
  group_.must_be_synced();
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const SandboxCommand& command,
                                                  Completed& result) {
  const dxl::Result<Found> found = find(command.report.hashes, false);
  if (!found) return dxl::fail(found.error());
  group_.take(
      reputation::apply_sandbox(command.report, group_.now(), *context_.settings.get(),
                                found->known),
      *found,
      {.kind = AuditKind::kSandbox, .provider = tie::Provider::kAtd, .actor = command.actor},
      result);
  group_.must_be_synced();
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const LookupCommand& command, Completed& result) {
  const bool counts = !command.agent.empty() && command.agent.size() <= store::kMaxAgentBytes;
  const dxl::Result<Found> found = find(command.hashes, counts);
  if (!found) return dxl::fail(found.error());
  bool referenced = true;
  if (counts) {
    const dxl::Result<bool> known =
        group_.is_referenced(WriteGroup::subjects_of(*found), command.agent);
    if (!known) return dxl::fail(known.error());
    referenced = *known;
  }
  if (!command.answered) {
    // The answer is the state before this lookup is counted (L13).
    const std::optional<FileRecord> record =
        merge_matched(found->match, found->known.records, found->known.joined_references);
    tie::append_reputations(
        make_answer(record ? &*record : nullptr, context_.basis, group_.answer_values(counts)),
        result.text);
  }
  if (counts) count_lookup(command, *found, referenced, result);
  return {};
}

void CommandProcessor::count_lookup(const LookupCommand& command, const Found& found,
                                    bool referenced, Completed& result) {
  const reputation::LookupOutcome counted = reputation::apply_endpoint_lookup(
      command.hashes, command.signer, group_.now(), !referenced, context_.enterprise_size(),
      *context_.settings.get(), found.known);
  // A lookup changes levels only by merging records that were known apart (§6.10 rule 5).
  group_.take(counted.outcome, found,
              {.kind = AuditKind::kMerge, .actor = {.client_id = command.agent}}, result);
  const FileRecord& record = counted.record;
  if (!referenced) group_.add_reference(strongest_key(record.hashes), command.agent);
  if (counted.first_instance) {
    Publication event{.topic = tie::kTopicFileFirstInstance, .payload = {}};
    tie::append_first_instance(record.hashes, command.agent,
                               record.names.empty() ? std::string_view() : record.names.front(),
                               event.payload);
    result.events.push_back(std::move(event));
  }
  if (counted.prevalence) {
    Publication event{.topic = tie::kTopicFilePrevalence, .payload = {}};
    tie::append_prevalence(record.hashes, command.agent, group_.now(), record.reference_count,
                           record.prevalent, event.payload);
    result.events.push_back(std::move(event));
  }
}

CommandProcessor::Applied CommandProcessor::apply(const MetadataCommand& command,
                                                  Completed& result) {
  const tie::FileMetadata& metadata = command.metadata;
  const dxl::Result<Found> found = find(metadata.hashes, false);
  if (!found) return dxl::fail(found.error());
  const reputation::MetadataOutcome outcome =
      reputation::apply_metadata(metadata, group_.now(), *context_.settings.get(), found->known);
  group_.take(outcome.outcome, *found,
              {.kind = AuditKind::kMerge, .actor = {.client_id = metadata.agent_guid}}, result);
  if (!metadata.agent_guid.empty() && metadata.agent_guid.size() <= store::kMaxAgentBytes)
    group_.add_agent(metadata.agent_guid);
  if (outcome.detection) {
    Publication event{.topic = tie::kTopicFileDetection, .payload = {}};
    tie::append_detection({.agent_guid = metadata.agent_guid,
                           .hashes = outcome.record.hashes,
                           .detection_time = group_.now(),
                           .local_reputation = metadata.local_rep.value_or(0),
                           .remediation_action = metadata.remediation,
                           .name = metadata.name},
                          event.payload);
    result.events.push_back(std::move(event));
  }
  return add_child(metadata);
}

// The level of a file counts among the children of the one that created it (§6.9), if that is
// known.
CommandProcessor::Applied CommandProcessor::add_child(const tie::FileMetadata& metadata) {
  if (!metadata.parent_sha1 || !metadata.local_rep || metadata.is_process) return {};
  const tie::FileHashes hashes{.sha1 = metadata.parent_sha1};
  const dxl::Result<Found> parent = group_.find(hashes);
  // The metadata itself is in the group already: what cannot be read now is left out.
  if (!parent || !parent->match.main) return {};
  reputation::Outcome outcome;
  outcome.store.push_back(reputation::with_child(*parent->known.records[*parent->match.main],
                                                 static_cast<std::uint8_t>(*metadata.local_rep)));
  Completed unchanged;
  group_.take(outcome, *parent, {}, unchanged);
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const AgeCommand& command, Completed& result) {
  // A record of this group that goes again must not come back: removals come first in a batch.
  if (Applied flushed = flush(); !flushed) return flushed;
  for (const tie::FileHashes& hashes : command.files)
    if (Applied aged = age_file(hashes, result); !aged) return aged;
  for (const tie::Sha1& sha1 : command.certificates)
    if (Applied aged = age_certificate(sha1, result); !aged) return aged;
  return {};
}

CommandProcessor::Applied CommandProcessor::age_file(const tie::FileHashes& hashes,
                                                     Completed& result) {
  const dxl::Result<Found> found = find(hashes, false);
  if (!found) return dxl::fail(found.error());
  if (!found->match.main) return {};
  const FileRecord& record = *found->known.records[*found->match.main];
  const reputation::Aged aged =
      reputation::apply_age(record, group_.now(), *context_.settings.get());
  const Cause cause{.kind = AuditKind::kRetention,
                    .provider = tie::Provider::kExternal,
                    .comment = aged.purge ? "unused" : "older than external.max_age_days"};
  if (aged.purge) {
    group_.purge(record, cause);
    counters_.purged.fetch_add(1);
  } else if (aged.change) {
    reputation::Outcome outcome;
    outcome.store.push_back(aged.change->after);
    outcome.events.push_back(*aged.change);
    group_.take(outcome, *found, cause, result);
  }
  return {};
}

}  // namespace tiara::service
