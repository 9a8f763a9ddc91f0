// The reference implementation: what RocksDB must behave like, without a disk.
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "base/ports.hpp"
#include "reputation/digest_key.hpp"
#include "store/agent_key.hpp"
#include "store/answers.hpp"
#include "store/audit_codec.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

using reputation::CertRecord;
using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

std::string new_id() {
  base::SystemRandom random;
  std::string uuid = base::make_uuid(random);
  std::erase(uuid, '-');
  return uuid;
}

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

  dxl::Result<std::optional<CertRecord>> find_certificate(const tie::Sha1& sha1) const override {
    const std::shared_lock lock(mutex_);
    const auto at = certificates_.find(sha1);
    return at == certificates_.end() ? std::nullopt : std::optional(at->second);
  }

  dxl::Result<bool> has_reference(const DigestKey& subject, std::string_view agent) const override {
    const std::shared_lock lock(mutex_);
    const auto at = references_.find(subject);
    return at != references_.end() && at->second.contains(agent_key(agent));
  }

  dxl::Result<std::uint64_t> count_references(
      const std::vector<DigestKey>& subjects) const override {
    return references(subjects, 0)->total;
  }

  dxl::Result<ReferenceList> references(const std::vector<DigestKey>& subjects,
                                        std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    ReferenceCollector collector(limit, subjects.size() == 1);
    for (const DigestKey& subject : subjects) {
      const auto at = references_.find(subject);
      if (at == references_.end()) continue;
      for (const auto& [key, reference] : at->second)
        collector.add(key, reference.date, reference.agent_guid);
    }
    return collector.take();
  }

  dxl::Result<tie::OverriddenFiles> overridden(const tie::Sha1& certificate,
                                               std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    std::multimap<std::pair<std::int64_t, DigestKey>, DigestKey> newest_first;
    for (const auto& [file, change] : overrides_)
      if (change.certificate == certificate)
        newest_first.emplace(std::pair(~change.changed, file), file);
    OverriddenCollector collector(certificate, limit);
    for (const auto& [order, file] : newest_first) {
      const auto at = records_.find(file);
      if (!collector.add(at == records_.end() ? std::nullopt : std::optional(*at->second))) break;
    }
    return collector.take();
  }

  dxl::Result<void> read_updates(
      std::int64_t since, const std::function<bool(const Batch::Update&)>& visit) const override {
    const std::shared_lock lock(mutex_);
    for (auto at = updates_.lower_bound({since, 0}); at != updates_.end(); ++at)
      if (!visit({.time = at->first.first, .change_id = at->first.second, .subject = at->second}))
        break;
    return {};
  }

  dxl::Result<std::vector<NumberedAuditEntry>> history(const std::vector<DigestKey>& digests,
                                                       std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    std::vector<NumberedAuditEntry> found;
    for (auto at = audit_.rbegin(); at != audit_.rend() && found.size() < limit; ++at) {
      const std::vector<DigestKey> concerned = digests_of(at->entry);
      if (std::find_first_of(concerned.begin(), concerned.end(), digests.begin(), digests.end()) !=
          concerned.end())
        found.push_back(*at);
    }
    return found;
  }

  dxl::Result<void> read_audit(
      std::uint64_t first,
      const std::function<bool(const NumberedAuditEntry&)>& visit) const override {
    const std::shared_lock lock(mutex_);
    for (const NumberedAuditEntry& entry : audit_)
      if (entry.number >= first && !visit(entry)) break;
    return {};
  }

  AuditHead audit_head() const override {
    const std::shared_lock lock(mutex_);
    return head_;
  }

  dxl::Result<void> scan_files(const std::optional<DigestKey>& after,
                               const std::function<bool(const FileRecord&)>& visit) const override {
    const std::shared_lock lock(mutex_);
    for (auto at = after ? records_.upper_bound(*after) : records_.begin(); at != records_.end();
         ++at)
      if (is_own_key(at) && !visit(*at->second)) break;
    return {};
  }

  dxl::Result<void> scan_certificates(
      const std::optional<tie::Sha1>& after,
      const std::function<bool(const CertRecord&)>& visit) const override {
    const std::shared_lock lock(mutex_);
    for (auto at = after ? certificates_.upper_bound(*after) : certificates_.begin();
         at != certificates_.end(); ++at)
      if (!visit(at->second)) break;
    return {};
  }

  dxl::Result<NamesFound> search_names(std::string_view text, std::size_t rows,
                                       std::size_t most_visited) const override {
    const std::shared_lock lock(mutex_);
    NameSearch search(text, rows, most_visited);
    for (auto at = names_.begin(); at != names_.end() && search.may_go_on(); ++at) {
      if (!search.matches(at->second)) continue;
      const auto record = records_.find(at->first);
      if (record != records_.end() && is_own_key(record)) search.add(record->second->hashes);
    }
    return search.take();
  }

  std::uint64_t enterprise_size() const override {
    const std::shared_lock lock(mutex_);
    return agents_.size();
  }
  std::uint64_t last_change_id() const override {
    const std::shared_lock lock(mutex_);
    return change_id_;
  }
  const std::string& id() const override { return id_; }

  dxl::Result<void> commit(const Batch& batch, Durability /*durability*/) override {
    if (dxl::Result<void> checked = check_batch(batch); !checked) return checked;
    const std::unique_lock lock(mutex_);
    const dxl::Result<std::vector<NumberedAuditEntry>> logged = chain(batch.audit);
    if (!logged) return dxl::fail(logged.error());
    for (const Batch::Move& move : batch.moves) move_references(move);
    for (const FileRecord& record : batch.remove) remove(record);
    for (const tie::Sha1& sha1 : batch.remove_certificates) {
      certificates_.erase(sha1);
      references_.erase(DigestKey::of_certificate(sha1));
    }
    for (const FileRecord& record : batch.put) put(record);
    for (const CertRecord& record : batch.put_certificates)
      certificates_.insert_or_assign(record.certificate.sha1, record);
    for (const Batch::Reference& reference : batch.references) {
      references_[reference.subject].emplace(
          agent_key(reference.agent),
          tie::FirstReference{.agent_guid = reference.agent, .date = reference.time});
      agents_.insert(agent_key(reference.agent));
    }
    for (const std::string& agent : batch.agents) agents_.insert(agent_key(agent));
    for (const Batch::SignedOverride& change : batch.overrides) {
      overrides_.erase(change.file);
      if (change.present) overrides_.emplace(change.file, change);
    }
    for (const Batch::Update& update : batch.updates)
      updates_.insert_or_assign({update.time, update.change_id}, update.subject);
    for (const NumberedAuditEntry& entry : *logged) audit_.push_back(entry);
    if (!audit_.empty()) head_ = {.count = audit_.back().number, .hash = audit_.back().hash};
    if (batch.change_id) change_id_ = *batch.change_id;
    return {};
  }

  dxl::Result<void> back_up(const std::filesystem::path& directory) override {
    return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                     directory.string() + ": a store in memory has nothing to back up");
  }

 private:
  using Agents = std::map<std::string, tie::FirstReference>;
  using Records = std::map<DigestKey, std::shared_ptr<const FileRecord>>;

  // Not a pointer to the record under a stronger digest.
  static bool is_own_key(Records::const_iterator at) {
    return at->first == strongest_key(at->second->hashes);
  }

  void put(const FileRecord& record) {
    const auto stored = std::make_shared<const FileRecord>(record);
    for (const DigestKey& key : DigestKeys(record.hashes)) records_[key] = stored;
    if (record.names.empty()) return;
    std::vector<std::string>& names = names_[strongest_key(record.hashes)];
    names.clear();
    for (const std::string& name : record.names) names.push_back(fold_case(name));
  }

  void remove(const FileRecord& record) {
    for (const DigestKey& key : DigestKeys(record.hashes)) {
      records_.erase(key);
      names_.erase(key);
      overrides_.erase(key);
    }
    references_.erase(strongest_key(record.hashes));
  }

  void move_references(const Batch::Move& move) {
    const DigestKey from = strongest_key(move.from);
    const DigestKey to = strongest_key(move.to);
    if (from == to) return;
    names_.erase(from);
    const Agents moved = std::move(references_[from]);
    references_.erase(from);
    Agents& target = references_[to];
    for (const auto& [agent, reference] : moved) {
      const auto [at, inserted] = target.emplace(agent, reference);
      if (!inserted && reference.date < at->second.date) at->second = reference;
    }
  }

  dxl::Result<std::vector<NumberedAuditEntry>> chain(const std::vector<AuditEntry>& entries) const {
    std::vector<NumberedAuditEntry> result;
    AuditHead head = head_;
    for (const AuditEntry& entry : entries) {
      std::string encoded;
      append_audit_entry(entry, encoded);
      const dxl::Result<AuditHash> hash = chain_hash(head.hash, encoded);
      if (!hash) return dxl::fail(hash.error());
      head = {.count = head.count + 1, .hash = *hash};
      result.push_back({.number = head.count, .entry = entry, .hash = *hash});
    }
    return result;
  }

  mutable std::shared_mutex mutex_;
  Records records_;
  std::map<tie::Sha1, CertRecord> certificates_;
  std::map<DigestKey, std::vector<std::string>> names_;  // in lower case
  std::map<DigestKey, Agents> references_;
  std::map<DigestKey, Batch::SignedOverride> overrides_;
  std::map<std::pair<std::int64_t, std::uint64_t>, DigestKey> updates_;
  std::vector<NumberedAuditEntry> audit_;
  AuditHead head_;
  std::set<std::string> agents_;
  std::uint64_t change_id_ = 0;
  const std::string id_ = new_id();
};

}  // namespace

std::unique_ptr<ReputationStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace tiara::store
