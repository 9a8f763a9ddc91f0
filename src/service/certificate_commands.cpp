// Commands about certificates (TIE reference §3.4, §3.5, §3.9, L23, L24).
#include "service/command_processor.hpp"
#include "store/agent_key.hpp"

namespace tiara::service {

using reputation::DigestKey;
using store::AuditKind;

namespace {

// What everybody may tell about a certificate changes no level.
Cause told_by(const std::string& system) {
  return {.kind = AuditKind::kMerge,
          .provider = tie::Provider::kCertEnterprise,
          .actor = {.client_id = system}};
}

}  // namespace

CommandProcessor::Applied CommandProcessor::apply(const CertSetCommand& command,
                                                  Completed& result) {
  return set_certificate(command.set, command.actor, result);
}

CommandProcessor::Applied CommandProcessor::set_certificate(const tie::SetCertReputation& set,
                                                            const Actor& actor, Completed& result) {
  const auto known = group_.find_certificate(set.certificate.sha1);
  if (!known) return dxl::fail(known.error());
  const reputation::CertOutcome outcome =
      reputation::apply_cert_set(set, group_.now(), known->get());
  group_.take(outcome, set.certificate.sha1,
              {.kind = AuditKind::kEnterprise,
               .provider = tie::Provider::kCertEnterprise,
               .comment = set.comment,
               .actor = actor},
              result);
  group_.must_be_synced();
  if (!outcome.event && outcome.store) {
    store::AuditEntry same{.kind = AuditKind::kEnterprise,
                           .is_certificate = true,
                           .provider = tie::Provider::kCertEnterprise,
                           .old_level = set.trust_level,
                           .new_level = set.trust_level,
                           .comment = set.comment,
                           .actor = actor};
    same.hashes.sha1 = set.certificate.sha1;
    group_.add_audit(std::move(same));
  }
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const CertLookupCommand& command,
                                                  Completed& result) {
  if (command.agent.empty() || command.agent.size() > store::kMaxAgentBytes) return {};
  const DigestKey subject = DigestKey::of_certificate(command.certificate.sha1);
  const auto known = group_.find_certificate(command.certificate.sha1);
  if (!known) return dxl::fail(known.error());
  const dxl::Result<bool> referenced = group_.is_referenced({subject}, command.agent);
  if (!referenced) return dxl::fail(referenced.error());
  group_.take(reputation::apply_cert_lookup(command.certificate, group_.now(), !*referenced,
                                            context_.enterprise_size(), *context_.settings.get(),
                                            known->get()),
              command.certificate.sha1, told_by(command.agent), result);
  if (!*referenced) group_.add_reference(subject, command.agent);
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const CertMetadataCommand& command,
                                                  Completed& result) {
  const auto known = group_.find_certificate(command.metadata.certificate.sha1);
  if (!known) return dxl::fail(known.error());
  group_.take(reputation::apply_cert_metadata(command.metadata, group_.now(), known->get()),
              command.metadata.certificate.sha1, told_by(command.sender), result);
  if (!command.sender.empty() && command.sender.size() <= store::kMaxAgentBytes)
    group_.add_agent(command.sender);
  return {};
}

CommandProcessor::Applied CommandProcessor::age_certificate(const tie::Sha1& sha1, Completed&) {
  const auto known = group_.find_certificate(sha1);
  if (!known) return dxl::fail(known.error());
  if (!*known || !reputation::cert_is_aged(**known, group_.now(), *context_.settings.get()))
    return {};
  group_.purge(**known, {.kind = AuditKind::kRetention, .comment = "unused"});
  counters_.purged.fetch_add(1);
  return {};
}

}  // namespace tiara::service
