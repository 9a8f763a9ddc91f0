#include <algorithm>
#include <utility>

#include "reputation/engine.hpp"
#include "reputation/resolve.hpp"

namespace tiara::reputation {

bool is_prevalent(std::uint64_t references, std::uint64_t enterprise_size,
                  const Settings& settings) {
  const double share =
      settings.prevalence_min_share * static_cast<double>(std::max(enterprise_size, references));
  return references >= settings.prevalence_min_systems && static_cast<double>(references) >= share;
}

bool wants_metadata(const FileRecord* record) {
  return record == nullptr || !record->details.described || !record->prevalent;
}

LookupOutcome apply_endpoint_lookup(const tie::FileHashes& hashes,
                                    const std::optional<tie::Certificate>& signer, std::int64_t now,
                                    bool new_reference, std::uint64_t enterprise_size,
                                    const Settings& settings, const Known& known) {
  const Resolver resolver(hashes, known);
  const Resolved resolved =
      resolver.resolve(resolver.may_teach(settings.merge_learn, std::nullopt), now);
  LookupOutcome result;
  result.record = resolved.record;
  FileRecord& record = result.record;
  touch(record.last_used, now);
  result.outcome.conflict = !learn_signer(record, signer);
  if (!record.first_instance_sent) {
    record.first_instance_sent = true;
    result.first_instance = !resolved.sent_elsewhere;
  }
  if (new_reference) {
    ++record.reference_count;
    result.prevalence = !record.prevalent;
    record.prevalent =
        record.prevalent || is_prevalent(record.reference_count, enterprise_size, settings);
  }
  finish(resolved, record, result.outcome);
  return result;
}

}  // namespace tiara::reputation
