// Answering a lookup from store and cache, on any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "reputation/engine.hpp"
#include "service/answer_template.hpp"
#include "service/live_settings.hpp"
#include "service/record_cache.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

// What every part of the service that answers shares; all outlives them.
struct LookupContext {
  const LiveSettings& settings;
  AnswerBasis basis;
  const store::ReputationStore& store;
  RecordCache& cache;

  // Systems in the enterprise: the setting, else those seen.
  std::uint64_t enterprise_size() const;
};

// Distinct systems over the main record and those that join it; nullopt if none joins.
dxl::Result<std::optional<std::uint64_t>> count_joined(
    const store::ReputationStore& store, const reputation::Match& match,
    const std::vector<const reputation::FileRecord*>& found);

// The answer's text, from the store. What was found goes into the cache.
dxl::Result<std::string> answer_lookup(const LookupContext& context, const tie::FileHashes& hashes,
                                       std::int64_t now, bool submit_metadata);

}  // namespace tiara::service
