// The reference implementation: what RocksDB must behave like, without a disk.
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "reputation/digest_key.hpp"
#include "store/agent_key.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

class MemoryStore final : public ReputationStore {
 public:
  dxl::Result<std::vector<FileRecord>> find(const tie::FileHashes& hashes) const override {
    const std::shared_lock lock(mutex_);
    std::vector<FileRecord> found;
    std::set<DigestKey> seen;
    for (const DigestKey& key : DigestKeys(hashes)) {
      const auto at = records_.find(key);
      if (at == records_.end() || !seen.insert(strongest_key(at->second->hashes)).second) continue;
      found.push_back(*at->second);
    }
    return found;
  }

  dxl::Result<bool> has_reference(const tie::FileHashes& subject,
                                  std::string_view agent) const override {
    const std::shared_lock lock(mutex_);
    const auto at = references_.find(strongest_key(subject));
    return at != references_.end() && at->second.contains(agent_key(agent));
  }

  dxl::Result<std::uint64_t> count_references(
      const std::vector<tie::FileHashes>& subjects) const override {
    const std::shared_lock lock(mutex_);
    std::set<std::string> agents;
    for (const tie::FileHashes& subject : subjects) {
      const auto at = references_.find(strongest_key(subject));
      if (at == references_.end()) continue;
      for (const auto& [agent, time] : at->second) agents.insert(agent);
    }
    return agents.size();
  }

  std::uint64_t enterprise_size() const override {
    const std::shared_lock lock(mutex_);
    return agents_.size();
  }

  std::uint64_t last_change_id() const override {
    const std::shared_lock lock(mutex_);
    return change_id_;
  }

  dxl::Result<void> commit(const Batch& batch, Durability /*durability*/) override {
    if (dxl::Result<void> checked = check_batch(batch); !checked) return checked;
    const std::unique_lock lock(mutex_);
    for (const Batch::Move& move : batch.moves) move_references(move);
    for (const tie::FileHashes& hashes : batch.remove) {
      for (const DigestKey& key : DigestKeys(hashes)) records_.erase(key);
      references_.erase(strongest_key(hashes));
    }
    for (const FileRecord& record : batch.put) {
      const auto stored = std::make_shared<const FileRecord>(record);
      for (const DigestKey& key : DigestKeys(record.hashes)) records_[key] = stored;
    }
    for (const Batch::Reference& reference : batch.references) {
      references_[strongest_key(reference.subject)].emplace(agent_key(reference.agent),
                                                            reference.time);
      agents_.insert(agent_key(reference.agent));
    }
    if (batch.change_id) change_id_ = *batch.change_id;
    return {};
  }

 private:
  using Agents = std::map<std::string, std::int64_t>;  // time of the first reference

  void move_references(const Batch::Move& move) {
    const DigestKey from = strongest_key(move.from);
    const DigestKey to = strongest_key(move.to);
    if (from == to) return;
    const Agents moved = std::move(references_[from]);
    references_.erase(from);
    Agents& target = references_[to];
    for (const auto& [agent, time] : moved) {
      const auto [at, inserted] = target.emplace(agent, time);
      if (!inserted) at->second = std::min(at->second, time);
    }
  }

  mutable std::shared_mutex mutex_;
  std::map<DigestKey, std::shared_ptr<const FileRecord>> records_;
  std::map<DigestKey, Agents> references_;
  std::set<std::string> agents_;
  std::uint64_t change_id_ = 0;
};

}  // namespace

std::unique_ptr<ReputationStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace tiara::store
