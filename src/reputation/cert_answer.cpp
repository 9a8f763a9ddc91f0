#include <string>
#include <utility>

#include "reputation/answer_parts.hpp"
#include "reputation/certificates.hpp"

namespace tiara::reputation {
namespace {

// Attribute ids as text (§5.2).
constexpr const char* kPrevalence = "2109333";
constexpr const char* kFirstContact = "2109589";
constexpr const char* kHasFileOverrides = "2122901";
constexpr const char* kIsPrevalent = "2125972";
constexpr const char* kServerVersion = "2139285";

tie::Reputation make_enterprise(const CertRecord& record, const AnswerContext& context,
                                bool has_overrides) {
  tie::Reputation entry = base_entry(record.find(tie::Provider::kCertEnterprise),
                                     tie::Provider::kCertEnterprise, record.created);
  if (context.create_date == Settings::CreateDate::kRecord) entry.create_date = record.created;
  entry.attributes.clear();
  add_attribute(entry, kPrevalence, record.reference_count);
  entry.attributes.emplace_back(kFirstContact, std::to_string(record.first_contact));
  entry.attributes.emplace_back(kHasFileOverrides, has_overrides ? "1" : "0");
  if (record.prevalent || record.details.described)
    entry.attributes.emplace_back(kIsPrevalent, record.prevalent ? "1" : "0");
  add_attribute(entry, kServerVersion, context.server_version);
  return entry;
}

}  // namespace

tie::Reputations make_cert_answer(const CertRecord* record, const AnswerContext& context,
                                  const tie::OverriddenFiles& overridden) {
  CertRecord unknown;
  if (record == nullptr) {
    unknown.created = context.now;
    unknown.first_contact = context.now;
    record = &unknown;
  }
  // With a limit of 0 files the list is empty and yet there are some.
  const bool has_overrides = !overridden.files.empty() || overridden.truncated;
  tie::Reputations answer{.entries = {}};
  answer.entries.push_back(
      base_entry(record->find(tie::Provider::kCertGti), tie::Provider::kCertGti, record->created));
  answer.entries.push_back(make_enterprise(*record, context, has_overrides));
  answer.server_time = context.now;
  answer.submit_metadata = context.submit_metadata;
  if (has_overrides) answer.overridden = overridden;
  return answer;
}

}  // namespace tiara::reputation
