#include "reputation/engine.hpp"

#include <string>
#include <utility>

namespace tiara::reputation {
namespace {

// Attribute ids as text (§5.1, §5.3).
constexpr const char* kGtiOriginalResponse = "2120340";
constexpr const char* kPrevalence = "2101652";
constexpr const char* kFirstContact = "2102165";
constexpr const char* kEnterpriseSize = "2111893";
constexpr const char* kFileNameCount = "2114965";
constexpr const char* kIsPrevalent = "2123156";
constexpr const char* kServerVersion = "2139285";

tie::Reputation make_gti(const FileRecord& record) {
  tie::Reputation entry{.provider = tie::Provider::kGti, .attributes = {}};
  entry.create_date = record.created;
  entry.attributes.emplace_back(kGtiOriginalResponse, "0");
  return entry;
}

tie::Reputation make_enterprise(const FileRecord& record, const AnswerContext& context) {
  tie::Reputation entry{.provider = tie::Provider::kEnterprise, .attributes = {}};
  const ProviderEntry* stored = record.find(tie::Provider::kEnterprise);
  entry.create_date = record.created;
  if (stored != nullptr) {
    entry.trust_level = stored->trust_level;
    if (context.create_date == Settings::CreateDate::kChanged)
      entry.create_date = stored->create_date;
  }
  entry.attributes.reserve(6);
  entry.attributes.emplace_back(kPrevalence, std::to_string(record.reference_count));
  entry.attributes.emplace_back(kFirstContact, std::to_string(record.first_contact));
  entry.attributes.emplace_back(kEnterpriseSize, std::to_string(context.enterprise_size));
  entry.attributes.emplace_back(kFileNameCount, std::to_string(record.names.size()));
  if (record.prevalent) entry.attributes.emplace_back(kIsPrevalent, "1");
  entry.attributes.emplace_back(kServerVersion, std::to_string(context.server_version));
  return entry;
}

}  // namespace

tie::Reputations make_answer(const FileRecord* record, const AnswerContext& context) {
  FileRecord unknown;
  if (record == nullptr) {
    unknown.created = context.now;
    unknown.first_contact = context.now;
    record = &unknown;
  }
  tie::Reputations answer{.entries = {}};
  answer.entries.reserve(2 + record->entries.size());
  answer.entries.push_back(make_gti(*record));
  answer.entries.push_back(make_enterprise(*record, context));
  for (const ProviderEntry& stored : record->entries) {
    if (stored.provider == tie::Provider::kGti || stored.provider == tie::Provider::kEnterprise)
      continue;
    answer.entries.push_back(tie::Reputation{.provider = stored.provider,
                                             .trust_level = stored.trust_level,
                                             .create_date = stored.create_date,
                                             .attributes = {}});
  }
  answer.server_time = context.now;
  answer.submit_metadata = context.submit_metadata;
  return answer;
}

}  // namespace tiara::reputation
