// The durable home of file records: a port with a memory implementation (the reference in tests)
// and RocksDB.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dxl/result.hpp"
#include "reputation/record.hpp"

namespace rocksdb {
class FileSystem;
}

namespace tiara::store {

// Longest agent identity that can be counted, and longest name or comment that can be stored.
inline constexpr std::size_t kMaxAgentBytes = 256;
inline constexpr std::size_t kMaxTextBytes = 4096;

// One atomic group of changes. Applied whole or not at all, in the order of the members.
struct Batch {
  struct Move {
    tie::FileHashes from;
    tie::FileHashes to;
  };
  std::vector<Move> moves;  // references of a former record that is now part of another or re-keyed
  std::vector<tie::FileHashes>
      remove;  // record and pointers under exactly these digests, and the references
  std::vector<reputation::FileRecord>
      put;  // stored under the strongest digest, the others become pointers to it
  struct Reference {
    tie::FileHashes subject;  // all digests of the record: the strongest one counts
    std::string agent;
    std::int64_t time;
  };
  std::vector<Reference> references;       // (subject, agent) pairs, written once
  std::optional<std::uint64_t> change_id;  // the last one given out
  bool empty() const {
    return moves.empty() && remove.empty() && put.empty() && references.empty() && !change_id;
  }
};

// kInvalidArgument for what no implementation stores: no digest, an agent, name or comment beyond
// its limit, too many names or entries.
dxl::Result<void> check_batch(const Batch& batch);

enum class Durability : std::uint8_t { kSynced, kBuffered };  // kBuffered: a crash may lose it

// Reads are safe from any thread; commit() is called by one writer thread.
class ReputationStore {
 public:
  virtual ~ReputationStore() = default;

  // Distinct records that hold any of the supplied digests, strongest digest first. Empty: unknown.
  virtual dxl::Result<std::vector<reputation::FileRecord>> find(
      const tie::FileHashes& hashes) const = 0;
  // Agents are compared without regard to ASCII case. `subject` as in Batch::Reference.
  virtual dxl::Result<bool> has_reference(const tie::FileHashes& subject,
                                          std::string_view agent) const = 0;
  // Distinct agents over all these subjects.
  virtual dxl::Result<std::uint64_t> count_references(
      const std::vector<tie::FileHashes>& subjects) const = 0;
  // Distinct agents ever seen, and the last change id given out.
  virtual std::uint64_t enterprise_size() const = 0;
  virtual std::uint64_t last_change_id() const = 0;

  // On success with kSynced everything is on disk. On failure nothing of the batch is visible.
  virtual dxl::Result<void> commit(const Batch& batch, Durability durability) = 0;
};

std::unique_ptr<ReputationStore> make_memory_store();

struct RocksOptions {
  std::filesystem::path directory;
  std::size_t block_cache_bytes = 64 * 1024 * 1024;
  // Tests put a fault-injecting file system here; null = the machine's.
  std::shared_ptr<rocksdb::FileSystem> file_system{};
  // Only the power-cut test turns this off, to show that it would notice.
  bool sync_writes = true;
};
// kStorage with directory and reason (damaged, no space, wrong format version), kInUse when another
// process has it.
dxl::Result<std::unique_ptr<ReputationStore>> open_rocks_store(const RocksOptions& options);

}  // namespace tiara::store
