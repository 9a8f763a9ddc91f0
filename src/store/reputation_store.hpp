// The durable home of records: a port with a memory implementation (the reference in tests) and
// RocksDB.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "reputation/record.hpp"
#include "store/audit_entry.hpp"
#include "store/elements.hpp"

namespace rocksdb {
class FileSystem;
}

namespace tiara::store {

// Longest agent identity that can be counted; longer names, comments and other texts than
// kMaxTextBytes cannot be stored.
inline constexpr std::size_t kMaxAgentBytes = 256;

// One atomic group of changes. Applied whole or not at all, in the order of the members.
struct Batch {
  struct Move {
    tie::FileHashes from;
    tie::FileHashes to;
  };
  // References of a former record that is now part of another or re-keyed. Without references no
  // move is needed.
  std::vector<Move> moves;
  // Records and pointers under exactly these digests, their references, their names in the search
  // index and their override below.
  std::vector<reputation::FileRecord> remove;
  std::vector<tie::Sha1> remove_certificates;
  // Stored under the strongest digest, the others become pointers to it. A record that replaces one
  // keeps its names.
  std::vector<reputation::FileRecord> put;
  std::vector<reputation::CertRecord> put_certificates;
  struct Reference {
    reputation::DigestKey subject;  // of a file the strongest digest, or a certificate
    std::string agent;
    std::int64_t time;
  };
  std::vector<Reference> references;  // (subject, agent) pairs, written once
  // Systems that count for the enterprise's size without a reference (metadata, §6.8).
  std::vector<std::string> agents;
  // Which files signed by a certificate have an override, newest change first when read (L18). At
  // most one per file: a later one replaces it, whatever the certificate and the time.
  struct SignedOverride {
    tie::Sha1 certificate;
    reputation::DigestKey file;
    std::int64_t changed;  // createDate of the override
    bool present;          // false: take it out
  };
  std::vector<SignedOverride> overrides;
  // One per published change event: what topic 7 lists (L22).
  struct Update {
    std::int64_t time;
    std::uint64_t change_id;
    reputation::DigestKey subject;
  };
  std::vector<Update> updates;
  std::vector<AuditEntry> audit;           // chained to the log's end
  std::optional<std::uint64_t> change_id;  // the last one given out
  bool empty() const;
};

// kInvalidArgument for what no implementation stores: no digest, an agent, name or comment beyond
// its limit, too many names or entries.
dxl::Result<void> check_batch(const Batch& batch);

enum class Durability : std::uint8_t { kSynced, kBuffered };  // kBuffered: a crash may lose it

struct ReferenceList {
  std::vector<tie::FirstReference> first;  // ascending by date, then by agent; as many as asked for
  std::uint64_t total = 0;
};
struct NumberedAuditEntry {
  std::uint64_t number = 0;
  AuditEntry entry;
  AuditHash hash{};  // of the chain up to and with it
};

// Reads are safe from any thread; commit() is called by one writer thread. Visitors return false to
// stop and call nothing of the store.
class ReputationStore {
 public:
  virtual ~ReputationStore() = default;

  // Distinct records that hold any of the supplied digests, strongest digest first. Empty: unknown.
  virtual dxl::Result<std::vector<reputation::FileRecord>> find(
      const tie::FileHashes& hashes) const = 0;
  virtual dxl::Result<std::optional<reputation::CertRecord>> find_certificate(
      const tie::Sha1& sha1) const = 0;

  // Agents are compared without regard to ASCII case. `subject` as in Batch::Reference.
  virtual dxl::Result<bool> has_reference(const reputation::DigestKey& subject,
                                          std::string_view agent) const = 0;
  // Distinct agents over all these subjects.
  virtual dxl::Result<std::uint64_t> count_references(
      const std::vector<reputation::DigestKey>& subjects) const = 0;
  // The earliest `limit` over all these subjects, each agent once.
  virtual dxl::Result<ReferenceList> references(const std::vector<reputation::DigestKey>& subjects,
                                                std::size_t limit) const = 0;

  // Files signed by a certificate that have an override, newest change first, at most `limit`: of
  // those a batch named, the ones whose record still says so.
  virtual dxl::Result<tie::OverriddenFiles> overridden(const tie::Sha1& certificate,
                                                       std::size_t limit) const = 0;
  // Updates with time >= since, ascending by (time, change id).
  virtual dxl::Result<void> read_updates(
      std::int64_t since, const std::function<bool(const Batch::Update&)>& visit) const = 0;
  // Entries about any of these digests, newest first; kMerge entries under each digest concerned.
  virtual dxl::Result<std::vector<NumberedAuditEntry>> history(
      const std::vector<reputation::DigestKey>& digests, std::size_t limit) const = 0;
  // The log from entry `first` (1 = the oldest) on, ascending. A number or a hash that does not fit
  // is kStorage and names the entry.
  virtual dxl::Result<void> read_audit(
      std::uint64_t first, const std::function<bool(const NumberedAuditEntry&)>& visit) const = 0;
  virtual AuditHead audit_head() const = 0;

  // Every file record after `after` (nullopt: from the start) in the order of subject keys; for
  // retention, export and verification.
  virtual dxl::Result<void> scan_files(
      const std::optional<reputation::DigestKey>& after,
      const std::function<bool(const reputation::FileRecord&)>& visit) const = 0;
  virtual dxl::Result<void> scan_certificates(
      const std::optional<tie::Sha1>& after,
      const std::function<bool(const reputation::CertRecord&)>& visit) const = 0;
  struct NamesFound {
    std::vector<tie::FileHashes> files;
    bool truncated = false;  // the row limit or the limit of work was reached
  };
  // Files one of whose names contains `text`, without regard to ASCII case, in the order of subject
  // keys. Looks at no more than `most_visited` names.
  virtual dxl::Result<NamesFound> search_names(std::string_view text, std::size_t rows,
                                               std::size_t most_visited) const = 0;

  // Distinct agents ever seen, and the last change id given out.
  virtual std::uint64_t enterprise_size() const = 0;
  virtual std::uint64_t last_change_id() const = 0;
  // Made with the store and kept for ever: tells one store from another. 32 hexadecimal digits.
  virtual const std::string& id() const = 0;

  // On success with kSynced everything is on disk. On failure nothing of the batch is visible.
  virtual dxl::Result<void> commit(const Batch& batch, Durability durability) = 0;

  // A consistent copy as of now, taken while commits go on, into `directory` (made if needed); a
  // later back-up into the same one adds what changed. Any thread, one at a time (kInUse).
  virtual dxl::Result<void> back_up(const std::filesystem::path& directory) = 0;
};

std::unique_ptr<ReputationStore> make_memory_store();

struct RocksOptions {
  std::filesystem::path directory;
  // For all that is read from tables: blocks of records, indexes, filters. Used up as needed.
  std::size_t block_cache_bytes = 256 * 1024 * 1024;
  // Tests put a fault-injecting file system here; null = the machine's.
  std::shared_ptr<rocksdb::FileSystem> file_system{};
  // Only the power-cut test turns this off, to show that it would notice.
  bool sync_writes = true;
  // Beside a running writer: sees what was committed when it was opened; commit() and back_up() are
  // refused, and so is a store of an older format.
  bool read_only = false;
  // Opens a store whose write-ahead log is damaged with what is before the damage, instead of
  // refusing. Loses what is behind it: for somebody who decided that (docs/store.md, "Durability").
  bool accept_damaged_log = false;
  // With read_only: what is readable behind the damage shows too, so not all of it fits together.
  // For recover_store() alone, to say what it gives up.
  bool skip_damaged_log = false;
};
// kStorage with directory and reason (damaged, no space, wrong format version), kInUse when another
// process has it. A store of an older format is brought to this one (docs/store.md, "Formats").
dxl::Result<std::unique_ptr<ReputationStore>> open_rocks_store(const RocksOptions& options);

}  // namespace tiara::store
