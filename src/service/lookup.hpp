// What is known about a subject, from cache and store: the part that queries and the writer share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "reputation/engine.hpp"
#include "service/answer_template.hpp"
#include "service/counters.hpp"
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
  Counters& counters;
  AnswerTemplate unknown{nullptr, basis};  // of a file without a record

  // Systems in the enterprise: the setting, else those seen.
  std::uint64_t enterprise_size() const;
};

// Distinct systems over the main record and those that join it; nullopt if none joins.
dxl::Result<std::optional<std::uint64_t>> count_joined(
    const store::ReputationStore& store, const reputation::Match& match,
    const std::vector<const reputation::FileRecord*>& found);

// The record that answers for these digests if each of them is cached and they name one record
// without contradiction, or none at all (null). Nullopt: the store must be asked. No I/O.
std::optional<CachedRecordPtr> find_cached(const LookupContext& context,
                                           const tie::FileHashes& hashes);
void append_cached(const LookupContext& context, const CachedRecordPtr& record, std::int64_t now,
                   bool counts, std::string& out);

// The record that answers for these digests: the main one with those that join it (§6.10 rule 2);
// nullopt: unknown. What was found goes into the cache.
dxl::Result<std::optional<reputation::FileRecord>> find_file(const LookupContext& context,
                                                             const tie::FileHashes& hashes);

// The answer's text, from the cache if it is there, else from the store.
dxl::Result<std::string> answer_file(const LookupContext& context, const tie::FileHashes& hashes,
                                     std::int64_t now, bool counts);
dxl::Result<std::string> answer_certificate(const LookupContext& context,
                                            const tie::Certificate& certificate, std::int64_t now,
                                            bool counts);

}  // namespace tiara::service
