#include <algorithm>

#include <fmt/format.h>

#include "store/record_codec.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

dxl::Result<void> refuse(std::string what) {
  return dxl::fail(dxl::ErrorCode::kInvalidArgument, "store batch: " + std::move(what));
}

dxl::Result<void> check_record(const reputation::FileRecord& record) {
  if (record.hashes.empty()) return refuse("record without a digest");
  if (record.names.size() > reputation::kMaxNames)
    return refuse(fmt::format("{} names in a record", record.names.size()));
  if (record.entries.size() > kMaxEntries)
    return refuse(fmt::format("{} entries in a record", record.entries.size()));
  for (const std::string& name : record.names)
    if (name.size() > kMaxTextBytes) return refuse(fmt::format("name of {} bytes", name.size()));
  for (const reputation::ProviderEntry& entry : record.entries)
    if (entry.comment.size() > kMaxTextBytes)
      return refuse(fmt::format("comment of {} bytes", entry.comment.size()));
  return {};
}

}  // namespace

dxl::Result<void> check_batch(const Batch& batch) {
  for (const Batch::Move& move : batch.moves)
    if (move.from.empty() || move.to.empty()) return refuse("move without a digest");
  for (const tie::FileHashes& hashes : batch.remove)
    if (hashes.empty()) return refuse("removal without a digest");
  for (const reputation::FileRecord& record : batch.put)
    if (dxl::Result<void> checked = check_record(record); !checked) return checked;
  for (const Batch::Reference& reference : batch.references) {
    if (reference.subject.empty()) return refuse("reference without a digest");
    if (reference.agent.empty() || reference.agent.size() > kMaxAgentBytes)
      return refuse(fmt::format("agent of {} bytes", reference.agent.size()));
  }
  return {};
}

}  // namespace tiara::store
