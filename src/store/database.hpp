// The database itself: bytes under keys, prefixes, atomic writes. It knows nothing of records; all
// of RocksDB is behind it (and in back_up.cpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "store/reputation_store.hpp"

namespace rocksdb {
class DB;
class Snapshot;
class WriteBatch;
}  // namespace rocksdb

namespace tiara::store {

class Database;

// Ends the message when the database is damaged.
inline constexpr std::string_view kDamageRemedy =
    "; restore a back-up, or, if its log is what is damaged, `tiara store recover` keeps what is "
    "before the damage";

// Makes it with mode 0700 from the first moment, whatever the umask, if it is not there.
dxl::Result<void> make_private_directory(const std::filesystem::path& directory);

// One moment of the database. Must not outlive it.
class Snapshot {
 public:
  explicit Snapshot(const Database& database);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  const Database& database_;
  const rocksdb::Snapshot* snapshot_;
};

// The keys that begin with a prefix, in order; nothing behind them is read. Must not outlive the
// database or the snapshot.
class Cursor {
 public:
  Cursor(const Database& database, std::string_view prefix, const Snapshot* at = nullptr);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  // To the first key that is not before `key`. Without it a cursor stands on the first of all.
  void seek(std::string_view key);
  bool valid() const;
  void next();
  // The key, what is behind its prefix, and the value: until next().
  std::string_view key() const;
  std::string_view behind() const;
  std::string_view value() const;
  dxl::Result<void> status() const;  // why the end came early, if it did

 private:
  struct State;
  const Database& database_;
  std::string prefix_;
  std::unique_ptr<State> state_;
};

// What is written together.
class Writes {
 public:
  Writes();
  ~Writes();
  Writes(Writes&&) noexcept;
  Writes& operator=(Writes&&) noexcept;
  void put(std::string_view key, std::string_view value);
  void remove(std::string_view key);
  std::size_t bytes() const;

 private:
  friend class Database;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
};

class Database {
 public:
  // As open_rocks_store(), without a look at the format.
  enum class IfMissing : std::uint8_t { kCreate, kRefuse };
  static dxl::Result<std::unique_ptr<Database>> open(const RocksOptions& options,
                                                     IfMissing if_missing = IfMissing::kCreate);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Error{kStorage} that names the store.
  tl::unexpected<dxl::Error> fail(std::string_view what) const;

  // Whether the key is there; `value` is reused from call to call.
  dxl::Result<bool> get(std::string_view key, std::string& value,
                        const Snapshot* at = nullptr) const;
  dxl::Result<bool> contains(std::string_view key) const;
  // A varint; nullopt if the key is absent.
  dxl::Result<std::optional<std::uint64_t>> get_number(std::string_view key,
                                                       const Snapshot* at = nullptr) const;

  // On failure nothing becomes visible, and the next write first asks RocksDB to resume.
  dxl::Result<void> write(Writes& writes, bool synced);
  bool read_only() const { return read_only_; }

  dxl::Result<void> compact();
  // Every block of every table against its checksum.
  dxl::Result<void> verify_checksums() const;
  std::uint64_t about_keys() const;
  rocksdb::DB& raw() const { return *db_; }

 private:
  friend class Snapshot;
  friend class Cursor;
  explicit Database(const RocksOptions& options);
  dxl::Result<void> resume();

  std::string directory_;
  const bool sync_writes_;
  const bool read_only_;
  struct Environment;
  std::unique_ptr<Environment> environment_;  // outlives the database
  std::unique_ptr<rocksdb::DB> db_;
  bool resume_first_ = false;  // writer thread: the last write failed
};

}  // namespace tiara::store
