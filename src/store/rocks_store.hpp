// The store on RocksDB, in the layout of docs/store.md.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/database.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {

// What `m` keys say.
struct Meta {
  std::uint64_t format = 0;
  std::string id;  // hexadecimal; empty in format 1
  std::uint64_t change_id = 0;
  std::uint64_t agents = 0;
  AuditHead audit;
};
// A database without keys becomes a store; an older format becomes this one. `format` of the answer
// is what was found.
dxl::Result<Meta> open_meta(Database& database);
// Changes nothing. kStorage if there is no store in it, or one of a format we cannot read.
dxl::Result<Meta> read_meta(const Database& database, const Snapshot* at = nullptr);

// The file under the digest, through pointers.
dxl::Result<std::optional<reputation::FileRecord>> read_file(const Database& database,
                                                             reputation::DigestKey key,
                                                             const Snapshot* at = nullptr);
// A value of the log: the entry and the hash with it. kStorage names the entry.
dxl::Result<NumberedAuditEntry> parse_log_entry(const Database& database, std::uint64_t number,
                                                std::string_view value);
// As ReputationStore::read_audit().
dxl::Result<void> read_log(const Database& database, std::uint64_t first,
                           const std::function<bool(const NumberedAuditEntry&)>& visit);

// A batch as writes, and what the counters will be afterwards.
struct Prepared {
  Writes writes;
  std::uint64_t agents = 0;
  AuditHead audit;
};
// The batch has passed check_batch(). Reads only for moves, removals, references, agents and
// overrides.
dxl::Result<Prepared> prepare(const Database& database, const Batch& batch, std::uint64_t agents,
                              const AuditHead& audit);
// A record with its pointers and its names.
void put_record(const reputation::FileRecord& record, Writes& out);

class RocksStore final : public ReputationStore {
 public:
  static dxl::Result<std::unique_ptr<RocksStore>> open(const RocksOptions& options);

  dxl::Result<std::vector<reputation::FileRecord>> find(
      const tie::FileHashes& hashes) const override;
  dxl::Result<std::optional<reputation::CertRecord>> find_certificate(
      const tie::Sha1& sha1) const override;
  dxl::Result<bool> has_reference(const reputation::DigestKey& subject,
                                  std::string_view agent) const override;
  dxl::Result<std::uint64_t> count_references(
      const std::vector<reputation::DigestKey>& subjects) const override;
  dxl::Result<ReferenceList> references(const std::vector<reputation::DigestKey>& subjects,
                                        std::size_t limit) const override;
  dxl::Result<tie::OverriddenFiles> overridden(const tie::Sha1& certificate,
                                               std::size_t limit) const override;
  dxl::Result<void> read_updates(
      std::int64_t since, const std::function<bool(const Batch::Update&)>& visit) const override;
  dxl::Result<std::vector<NumberedAuditEntry>> history(
      const std::vector<reputation::DigestKey>& digests, std::size_t limit) const override;
  dxl::Result<void> read_audit(
      std::uint64_t first,
      const std::function<bool(const NumberedAuditEntry&)>& visit) const override {
    return read_log(*database_, first, visit);
  }
  AuditHead audit_head() const override;
  dxl::Result<void> scan_files(
      const std::optional<reputation::DigestKey>& after,
      const std::function<bool(const reputation::FileRecord&)>& visit) const override;
  dxl::Result<void> scan_certificates(
      const std::optional<tie::Sha1>& after,
      const std::function<bool(const reputation::CertRecord&)>& visit) const override;
  dxl::Result<NamesFound> search_names(std::string_view text, std::size_t rows,
                                       std::size_t most_visited) const override;
  std::uint64_t enterprise_size() const override { return agents_.load(); }
  std::uint64_t last_change_id() const override { return change_id_.load(); }
  const std::string& id() const override { return id_; }
  dxl::Result<void> commit(const Batch& batch, Durability durability) override;
  dxl::Result<void> back_up(const std::filesystem::path& directory) override;

  Database& database() { return *database_; }
  // The format that was found when it was opened.
  std::uint64_t found_format() const { return found_format_; }

 private:
  RocksStore(std::unique_ptr<Database> database, const Meta& meta);

  std::unique_ptr<Database> database_;
  std::string id_;
  std::uint64_t found_format_;
  std::atomic<std::uint64_t> agents_;
  std::atomic<std::uint64_t> change_id_;
  mutable std::mutex audit_mutex_;
  AuditHead audit_;  // with audit_mutex_
  std::atomic<bool> backing_up_{false};
};

}  // namespace tiara::store
