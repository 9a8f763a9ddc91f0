#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "reputation/engine.hpp"
#include "reputation/resolve.hpp"

namespace tiara::reputation {
namespace {

// The latest word counts; what is left out stays as it was.
void replace(std::string& held, const std::string& given) {
  if (!given.empty()) held = given;
}
template <class T, class U>
void replace(std::optional<T>& held, const std::optional<U>& given) {
  if (given) held = *given;
}

// The decoder refuses levels outside 0..100; a block has no room for them.
std::uint8_t to_level(std::int64_t given) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(given, 0, 100));
}

void add_levels(FileDetails& details, const tie::FileMetadata& metadata, std::int64_t now) {
  if (metadata.local_rep) {
    details.local.add(to_level(*metadata.local_rep));
    details.local_time = now;
    replace(details.latest_rule_id, metadata.local_rep_rule_id);
  }
  if (metadata.pre_prompt_local_rep) details.prompted.add(to_level(*metadata.pre_prompt_local_rep));
  if (metadata.parent_local_rep) details.parents.add(to_level(*metadata.parent_local_rep));
}

void add_detection(FileDetails& details, const tie::FileMetadata& metadata, std::int64_t now) {
  ++details.detection_count;
  details.last_detection = now;
  details.last_detection_name = metadata.detection_name;
}

bool describe(FileRecord& record, const tie::FileMetadata& metadata, std::int64_t now) {
  touch(record.last_used, now);
  add_name(record, metadata.name);
  if (metadata.file_type && *metadata.file_type != 0) record.file_type = *metadata.file_type;
  FileDetails& details = record.details;
  details.described = true;
  add_path(details, metadata.path);
  replace(details.size, metadata.size);
  replace(details.signed_bits, metadata.signed_bits);
  replace(details.version, metadata.version);
  replace(details.company_name, metadata.company_name);
  replace(details.product_name, metadata.product_name);
  replace(details.product_version, metadata.product_version);
  replace(details.profiler_flags, metadata.profiler_flags);
  if (!metadata.is_process) add_levels(details, metadata, now);
  if (metadata.remediation != 0) add_detection(details, metadata, now);
  return learn_signer(record, metadata.signer);
}

}  // namespace

MetadataOutcome apply_metadata(const tie::FileMetadata& metadata, std::int64_t now,
                               const Settings& settings, const Known& known) {
  const Resolver resolver(metadata.hashes, known);
  const Resolved resolved =
      resolver.resolve(resolver.may_teach(settings.merge_learn, std::nullopt), now);
  MetadataOutcome result;
  result.outcome = write(resolved, true, now,
                         [&](FileRecord& record) { return describe(record, metadata, now); });
  result.record = resolved.record;
  describe(result.record, metadata, now);
  result.detection = metadata.remediation != 0;
  return result;
}

FileRecord with_child(FileRecord parent, std::uint8_t child_level) {
  parent.details.children.add(to_level(child_level));
  return parent;
}

}  // namespace tiara::reputation
