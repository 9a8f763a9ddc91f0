#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/hex.hpp"
#include "reputation/answer_parts.hpp"
#include "reputation/engine.hpp"

namespace tiara::reputation {
namespace {

// Attribute ids as text (§5.1, §5.3).
constexpr const char* kGtiOriginalResponse = "2120340";
constexpr const char* kPrevalence = "2101652";
constexpr const char* kFirstContact = "2102165";
constexpr const char* kEnterpriseSize = "2111893";
constexpr std::array kLocal{"2112148", "2112404", "2112660"};    // lowest, highest, average
constexpr std::array kParents{"2112916", "2113172", "2113428"};  // the same
constexpr const char* kDetectionCount = "2113685";
constexpr const char* kLastDetection = "2113942";
constexpr const char* kFileNameCount = "2114965";
constexpr const char* kIsPrevalent = "2123156";
constexpr const char* kParentBlock = "2138264";
constexpr const char* kChildBlock = "2138520";
constexpr const char* kServerVersion = "2139285";

tie::Reputation make_gti(const FileRecord& record) {
  const ProviderEntry* stored = record.find(tie::Provider::kGti);
  tie::Reputation entry = base_entry(stored, tie::Provider::kGti, record.created);
  if (stored == nullptr) entry.attributes.emplace_back(kGtiOriginalResponse, "0");
  return entry;
}

void add_levels(tie::Reputation& entry, const std::array<const char*, 3>& ids,
                const LevelAggregate& levels) {
  if (levels.count == 0) return;
  add_attribute(entry, ids[0], levels.min);
  add_attribute(entry, ids[1], levels.max);
  add_attribute(entry, ids[2], levels.average());
}

// Five 16-bit numbers, least significant byte first (§5.5); a larger count stays at the largest.
std::string to_block(const LevelAggregate& levels) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint16_t>::max();
  std::string bytes;
  for (const std::uint64_t value :
       {std::min(levels.count, kMost), std::uint64_t{levels.max}, std::uint64_t{levels.min},
        std::uint64_t{levels.latest}, levels.average_times_100()}) {
    bytes.push_back(static_cast<char>(value & 0xff));
    bytes.push_back(static_cast<char>(value >> 8 & 0xff));
  }
  return base::to_base64(bytes);
}

void add_block(tie::Reputation& entry, const char* id, const LevelAggregate& levels) {
  if (levels.count != 0) entry.attributes.emplace_back(id, to_block(levels));
}

// Ids ascending. Five are always there, each other one as soon as there is a value for it (§5.1).
void add_statistics(tie::Reputation& entry, const FileRecord& record,
                    const AnswerContext& context) {
  const FileDetails& details = record.details;
  entry.attributes.reserve(17);
  add_attribute(entry, kPrevalence, record.reference_count);
  entry.attributes.emplace_back(kFirstContact, std::to_string(record.first_contact));
  add_attribute(entry, kEnterpriseSize, context.enterprise_size);
  add_levels(entry, kLocal, details.local);
  add_levels(entry, kParents, details.parents);
  if (details.detection_count != 0) {
    add_attribute(entry, kDetectionCount, details.detection_count);
    entry.attributes.emplace_back(kLastDetection, std::to_string(details.last_detection));
  }
  add_attribute(entry, kFileNameCount, record.names.size());
  if (record.prevalent || details.described)
    entry.attributes.emplace_back(kIsPrevalent, record.prevalent ? "1" : "0");
  add_block(entry, kParentBlock, details.parents);
  add_block(entry, kChildBlock, details.children);
  add_attribute(entry, kServerVersion, context.server_version);
}

tie::Reputation make_enterprise(const FileRecord& record, const AnswerContext& context) {
  tie::Reputation entry = base_entry(record.find(tie::Provider::kEnterprise),
                                     tie::Provider::kEnterprise, record.created);
  if (context.create_date == Settings::CreateDate::kRecord) entry.create_date = record.created;
  entry.attributes.clear();
  add_statistics(entry, record, context);
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
    if (stored.provider != tie::Provider::kGti && stored.provider != tie::Provider::kEnterprise)
      answer.entries.push_back(to_entry(stored));
  }
  answer.server_time = context.now;
  answer.submit_metadata = context.submit_metadata;
  return answer;
}

}  // namespace tiara::reputation
