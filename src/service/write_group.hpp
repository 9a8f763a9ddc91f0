// What commands have changed since the last commit: records over those of the store, the batch they
// will be committed in, events and audit entries they led to. Writer thread; no I/O but reads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reputation/certificates.hpp"
#include "reputation/engine.hpp"
#include "service/commands.hpp"
#include "service/lookup.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

// What a message wrote, for the event's cause and the audit log.
struct Cause {
  store::AuditKind kind = store::AuditKind::kEnterprise;
  tie::Provider provider = tie::Provider::kEnterprise;
  std::string_view comment{};
  Actor actor{};
};

class WriteGroup {
 public:
  using FilePtr = std::shared_ptr<const reputation::FileRecord>;
  using CertPtr = std::shared_ptr<const reputation::CertRecord>;

  // The records a message concerns, as this group sees them.
  struct Found {
    tie::FileHashes supplied;
    std::vector<FilePtr> records;
    reputation::Known known;
    reputation::Match match;
  };

  // Both must outlive it.
  WriteGroup(const LookupContext& context, const store::ReputationStore& store);

  // A new group at the time of its commit. Change ids go on where the store's end.
  void begin(std::int64_t now);

  dxl::Result<Found> find(const tie::FileHashes& hashes) const;
  // Null: unknown.
  dxl::Result<CertPtr> find_certificate(const tie::Sha1& sha1) const;
  // Whether the system is among the references of these subjects.
  dxl::Result<bool> is_referenced(const std::vector<reputation::DigestKey>& subjects,
                                  std::string_view agent) const;
  static std::vector<reputation::DigestKey> subjects_of(const Found& found);
  // Whether a message with these digests must not be applied before what is there is committed:
  // what the store counts and moves must include it.
  bool needs_commit_before(const tie::FileHashes& hashes, const Found& found, bool counts) const;

  // Takes over what the engine decided: records, moves, events into `result`, audit entries.
  void take(const reputation::Outcome& outcome, const Found& found, const Cause& cause,
            Completed& result);
  // `sha1`: of the certificate the message is about.
  void take(const reputation::CertOutcome& outcome, const tie::Sha1& sha1, const Cause& cause,
            Completed& result);
  void add_reference(const reputation::DigestKey& subject, std::string_view agent);
  void add_agent(std::string_view agent);
  void add_audit(store::AuditEntry entry);
  void purge(const reputation::FileRecord& record, const Cause& cause);
  void purge(const reputation::CertRecord& record, const Cause& cause);
  void must_be_synced() { synced_ = true; }

  std::int64_t now() const { return now_; }
  AnswerValues answer_values(bool counts) const;
  const store::Batch& batch() const { return batch_; }
  store::Durability durability() const {
    return synced_ ? store::Durability::kSynced : store::Durability::kBuffered;
  }
  // For the cache, after the commit: records as they are now, and digests that have none any more.
  std::vector<CachedRecordPtr> cached_records() const;
  const std::vector<reputation::DigestKey>& purged() const { return purged_; }

 private:
  dxl::Result<std::vector<FilePtr>> find_records(const tie::FileHashes& hashes) const;
  void put(const reputation::FileRecord& record);
  void index_overrides(const reputation::FileRecord& after, const Found& found);
  void publish(const reputation::Change& change, const Cause& cause, Completed& result);
  void publish(const reputation::CertChange& change, const Cause& cause, Completed& result);
  void publish(std::string_view broadcast, std::string_view targeted,
               const reputation::DigestKey& subject, std::string payload, Completed& result);
  void audit_levels(const std::vector<reputation::ProviderEntry>& before,
                    const std::vector<reputation::ProviderEntry>& after, const Cause& cause,
                    store::AuditEntry entry);
  void audit_conflict(store::AuditEntry entry, const Cause& cause);

  const LookupContext& context_;
  const store::ReputationStore& store_;

  std::int64_t now_ = 0;
  std::uint64_t change_id_ = 0;
  bool synced_ = false;
  std::int64_t conflict_minute_ = 0;
  std::uint32_t conflicts_ = 0;  // in that minute
  // Null: purged in this group.
  std::map<reputation::DigestKey, FilePtr> files_;
  std::map<tie::Sha1, CertPtr> certificates_;
  std::set<std::pair<reputation::DigestKey, std::string>> references_;
  std::vector<reputation::DigestKey> purged_;
  store::Batch batch_;
};

}  // namespace tiara::service
