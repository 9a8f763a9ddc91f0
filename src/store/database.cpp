#include "store/database.hpp"

#include <system_error>

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "base/kill_point.hpp"
#include "store/crash_disk.hpp"
#include "store/elements.hpp"
#include "store/presence.hpp"

namespace tiara::store {
namespace {

constexpr std::size_t kWriteBufferBytes = 32 * 1024 * 1024;
constexpr int kBloomBitsPerKey = 10;
// Of a block's keys one in so many is whole, and a read walks from there. Digests have next to
// nothing in common that a longer walk would save.
constexpr int kRestartInterval = 1;
constexpr std::size_t kKeptInfoLogs = 3;
constexpr std::size_t kMaxInfoLogBytes = 4 * 1024 * 1024;
// Beside the log itself: manifest, options and a fresh log.
constexpr std::uintmax_t kRecoveryReserve = 1024 * 1024;
// A writer may remove files while a reader beside it opens the database.
constexpr int kReadOnlyAttempts = 20;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& text) { return {text.data(), text.size()}; }

bool has_lz4() {
  for (const rocksdb::CompressionType type : rocksdb::GetSupportedCompressions())
    if (type == rocksdb::kLZ4Compression) return true;
  return false;
}

rocksdb::WALRecoveryMode recovery_mode(const RocksOptions& from) {
  if (from.skip_damaged_log && from.read_only)
    return rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  return from.accept_damaged_log ? rocksdb::WALRecoveryMode::kPointInTimeRecovery
                                 : rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
}

rocksdb::Options make_options(const RocksOptions& from, rocksdb::Env* env) {
  rocksdb::Options options;
  options.wal_recovery_mode = recovery_mode(from);
  options.write_buffer_size = kWriteBufferBytes;
  options.compression = has_lz4() ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = kKeptInfoLogs;
  options.max_log_file_size = kMaxInfoLogBytes;
  if (env != nullptr) options.env = env;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.block_cache = rocksdb::NewLRUCache(from.block_cache_bytes);
  // Indexes and filters count as blocks of the cache but never leave it: every read needs them.
  table.cache_index_and_filter_blocks = true;
  table.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kAll;
  // Nearly all reads are of one key.
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.block_restart_interval = kRestartInterval;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// RocksDB 7.8 as Debian builds it aborts when the disk fills up while it recovers its log, so that
// is found out before. A recovered log becomes a table file of about its own size.
dxl::Result<void> check_room(const std::filesystem::path& directory) {
  std::error_code failure;
  std::uintmax_t logs = 0;
  for (auto file = std::filesystem::directory_iterator(directory, failure);
       !failure && file != std::filesystem::directory_iterator(); file.increment(failure)) {
    if (file->path().extension() == ".log") logs += file->file_size(failure);
  }
  if (logs == 0) return {};  // nothing to recover, or nothing there yet
  const auto space = std::filesystem::space(directory, failure);
  const std::uintmax_t needed = logs + kRecoveryReserve;
  if (failure || space.available >= needed) return {};
  return dxl::fail(dxl::ErrorCode::kStorage,
                   fmt::format("{}: {} bytes are free on its disk, recovery needs {}",
                               directory.string(), space.available, needed));
}

rocksdb::ReadOptions read_options(const Snapshot* at) {
  rocksdb::ReadOptions options;
  if (at != nullptr) options.snapshot = at->get();
  return options;
}

// By another process, or by this one.
bool is_held(const rocksdb::Status& status, std::string_view reason) {
  return status.IsIOError() && reason.find("/LOCK") != std::string_view::npos &&
         (reason.find("temporarily unavailable") != std::string_view::npos ||
          reason.find("lock hold by current process") != std::string_view::npos);
}

// The first key behind all that begin with the prefix.
std::string end_of(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

}  // namespace

dxl::Result<void> make_private_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) return {};
  if (!std::filesystem::create_directories(directory, error) || error)
    return dxl::fail(dxl::ErrorCode::kStorage,
                     fmt::format("{}: cannot be created: {}", directory.string(), error.message()));
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error)
    return dxl::fail(dxl::ErrorCode::kStorage,
                     fmt::format("{}: mode 0700 refused: {}", directory.string(), error.message()));
  return {};
}

// --- snapshot, cursor, writes

Snapshot::Snapshot(const Database& database)
    : database_(database), snapshot_(database.db_->GetSnapshot()) {}
Snapshot::~Snapshot() { database_.db_->ReleaseSnapshot(snapshot_); }

struct Cursor::State {
  std::string end;       // what `bound` points to
  rocksdb::Slice bound;  // what the iterator points to
  std::unique_ptr<rocksdb::Iterator> iterator;
};

Cursor::Cursor(const Database& database, std::string_view prefix, const Snapshot* at)
    : database_(database), prefix_(prefix), state_(std::make_unique<State>()) {
  state_->end = end_of(prefix_);
  state_->bound = state_->end;
  rocksdb::ReadOptions options = read_options(at);
  options.total_order_seek = true;
  // Whoever reads a whole family would drive out what lookups need.
  options.fill_cache = prefix_.size() > 1;
  if (!state_->end.empty()) options.iterate_upper_bound = &state_->bound;
  state_->iterator.reset(database.db_->NewIterator(options));
  state_->iterator->Seek(prefix_);
}
Cursor::~Cursor() = default;
void Cursor::seek(std::string_view key) { state_->iterator->Seek(slice(key)); }
bool Cursor::valid() const {
  return state_->iterator->Valid() && state_->iterator->key().starts_with(prefix_);
}
void Cursor::next() { state_->iterator->Next(); }
std::string_view Cursor::key() const { return view(state_->iterator->key()); }
std::string_view Cursor::behind() const { return key().substr(prefix_.size()); }
std::string_view Cursor::value() const { return view(state_->iterator->value()); }
dxl::Result<void> Cursor::status() const {
  if (!state_->iterator->status().ok())
    return database_.fail(state_->iterator->status().ToString());
  return {};
}

Writes::Writes() : batch_(std::make_unique<rocksdb::WriteBatch>()) {}
Writes::~Writes() = default;
Writes::Writes(Writes&&) noexcept = default;
Writes& Writes::operator=(Writes&&) noexcept = default;
void Writes::put(std::string_view key, std::string_view value) {
  batch_->Put(slice(key), slice(value));
}
void Writes::remove(std::string_view key) { batch_->Delete(slice(key)); }
std::size_t Writes::bytes() const { return batch_->GetDataSize(); }

// --- database

struct Database::Environment {
  std::unique_ptr<rocksdb::Env> env;  // null: the machine's
};

Database::Database(const RocksOptions& options)
    : directory_(options.directory.string()),
      sync_writes_(options.sync_writes),
      read_only_(options.read_only),
      environment_(std::make_unique<Environment>()) {
  std::shared_ptr<rocksdb::FileSystem> file_system = options.file_system;
#ifdef TIARA_CRASH_HOOKS
  if (!file_system) file_system = crash_disk();
#endif
  if (file_system) environment_->env = rocksdb::NewCompositeEnv(file_system);
}

tl::unexpected<dxl::Error> Database::fail(std::string_view what) const {
  return dxl::fail(dxl::ErrorCode::kStorage, fmt::format("store {}: {}", directory_, what));
}

dxl::Result<std::unique_ptr<Database>> Database::open(const RocksOptions& from,
                                                      IfMissing if_missing) {
  const dxl::Result<Presence> found = check_not_broken(from.directory);
  if (!found) return dxl::fail(found.error());
  const bool is_new = *found == Presence::kNone;
  if (is_new && (if_missing == IfMissing::kRefuse || from.read_only))
    return dxl::fail(dxl::ErrorCode::kStorage,
                     fmt::format("store {}: there is no store", from.directory.string()));
  if (!from.read_only) {
    if (dxl::Result<void> room = check_room(from.directory); !room) return dxl::fail(room.error());
    if (dxl::Result<void> made = make_private_directory(from.directory); !made)
      return dxl::fail(made.error());
  }
  std::unique_ptr<Database> database(new Database(from));
  rocksdb::Options options = make_options(from, database->environment_->env.get());
  options.create_if_missing = is_new;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status;
  if (from.read_only) {
    for (int attempt = 0; attempt < kReadOnlyAttempts && db == nullptr; ++attempt)
      status = rocksdb::DB::OpenForReadOnly(options, database->directory_, &db);
  } else {
    status = rocksdb::DB::Open(options, database->directory_, &db);
  }
  if (!status.ok()) {
    std::string reason = status.ToString();
    if (is_held(status, reason))
      return dxl::fail(dxl::ErrorCode::kInUse,
                       fmt::format("store {}: held by a running server or another command; stop "
                                   "that first",
                                   database->directory_));
    return database->fail(status.IsCorruption() ? reason.append(kDamageRemedy) : reason);
  }
  database->db_.reset(db);
  return database;
}

Database::~Database() {
  if (!db_) return;
  // What was written unsynced survives a clean stop. A log that failed must not be touched again:
  // RocksDB would abort.
  if (!read_only_ && !resume_first_) static_cast<void>(db_->SyncWAL());
  static_cast<void>(db_->Close());
}

dxl::Result<bool> Database::get(std::string_view key, std::string& value,
                                const Snapshot* at) const {
  const rocksdb::Status status = db_->Get(read_options(at), slice(key), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return fail(status.ToString());
  return true;
}

dxl::Result<bool> Database::contains(std::string_view key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->Get({}, db_->DefaultColumnFamily(), slice(key), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return fail(status.ToString());
  return true;
}

dxl::Result<std::optional<std::uint64_t>> Database::get_number(std::string_view key,
                                                               const Snapshot* at) const {
  std::string value;
  const dxl::Result<bool> there = get(key, value, at);
  if (!there) return dxl::fail(there.error());
  if (!*there) return std::optional<std::uint64_t>{};
  std::string_view rest = value;
  const std::optional<std::uint64_t> number = take_varint(rest);
  if (!number || !rest.empty()) return fail(fmt::format("{}: not a number", key));
  return number;
}

dxl::Result<void> Database::resume() {
  if (!resume_first_) return {};
  const rocksdb::Status resumed = db_->Resume();
  // RocksDB itself waits for more room than the write needs, and says so in its own log only.
  if (resumed.IsBusy()) return fail("writes go on when at least 32 MiB of the disk are free again");
  if (!resumed.ok()) return fail(resumed.ToString());
  resume_first_ = false;
  return {};
}

dxl::Result<void> Database::write(Writes& writes, bool synced) {
  if (read_only_) return fail("open for reading only");
  if (dxl::Result<void> resumed = resume(); !resumed) return resumed;
  rocksdb::WriteOptions options;
  options.sync = sync_writes_ && synced;
  TIARA_KILL_POINT("store.write.before");
#ifdef TIARA_CRASH_HOOKS
  write_first_half(*db_, *writes.batch_);
#endif
  const rocksdb::Status status = db_->Write(options, writes.batch_.get());
  TIARA_KILL_POINT("store.write.after");
  if (status.ok()) return {};
  resume_first_ = true;
  return fail(status.ToString());
}

dxl::Result<void> Database::compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const rocksdb::Status status = db_->CompactRange(options, nullptr, nullptr);
  if (!status.ok()) return fail(status.ToString());
  return {};
}

dxl::Result<void> Database::verify_checksums() const {
  const rocksdb::Status status = db_->VerifyChecksum();
  if (!status.ok()) return fail(status.ToString());
  return {};
}

std::uint64_t Database::about_keys() const {
  std::uint64_t keys = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kEstimateNumKeys, &keys);
  return keys;
}

}  // namespace tiara::store
