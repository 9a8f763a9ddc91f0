// The store on RocksDB. The layout is docs/store.md's.
#include <algorithm>
#include <atomic>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "store/record_codec.hpp"
#include "store/reputation_store.hpp"
#include "store/rocks_keys.hpp"

namespace tiara::store {
namespace {

// Beside the log itself: manifest, options and a fresh log.
constexpr std::uintmax_t kRecoveryReserve = 1024 * 1024;

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

constexpr std::size_t kWriteBufferBytes = 32 * 1024 * 1024;
constexpr int kBloomBitsPerKey = 10;
constexpr std::size_t kKeptInfoLogs = 3;
constexpr std::size_t kMaxInfoLogBytes = 4 * 1024 * 1024;
// Pointer, and one more for each stronger digest that is learned while we read.
constexpr int kMaxHops = 4;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& text) { return {text.data(), text.size()}; }

std::string varint(std::uint64_t value) {
  std::string out;
  append_varint(value, out);
  return out;
}

struct Reference {
  std::int64_t time = 0;
  std::string agent;
};

std::string encode(const Reference& reference) {
  std::string out;
  append_signed(reference.time, out);
  return out += reference.agent;
}

std::optional<Reference> decode_reference(std::string_view bytes) {
  const std::optional<std::int64_t> time = take_signed(bytes);
  if (!time) return std::nullopt;
  return Reference{.time = *time, .agent = std::string(bytes)};
}

class RocksStore final : public ReputationStore {
 public:
  static dxl::Result<std::unique_ptr<ReputationStore>> open(const RocksOptions& options);
  ~RocksStore() override;

  dxl::Result<std::vector<FileRecord>> find(const tie::FileHashes& hashes) const override;
  dxl::Result<bool> has_reference(const tie::FileHashes& subject,
                                  std::string_view agent) const override;
  dxl::Result<std::uint64_t> count_references(
      const std::vector<tie::FileHashes>& subjects) const override;
  std::uint64_t enterprise_size() const override { return agents_.load(); }
  std::uint64_t last_change_id() const override { return change_id_.load(); }
  dxl::Result<void> commit(const Batch& batch, Durability durability) override;

 private:
  RocksStore(std::string directory, std::unique_ptr<rocksdb::Env> env, bool sync_writes)
      : directory_(std::move(directory)), env_(std::move(env)), sync_writes_(sync_writes) {}

  tl::unexpected<dxl::Error> fail(std::string_view what) const {
    return dxl::fail(dxl::ErrorCode::kStorage, fmt::format("store {}: {}", directory_, what));
  }
  dxl::Result<void> load_meta();
  dxl::Result<std::optional<std::uint64_t>> read_number(std::string_view key) const;
  dxl::Result<bool> exists(const rocksdb::ReadOptions& options, const std::string& key) const;
  dxl::Result<std::optional<FileRecord>> read_record(const rocksdb::ReadOptions& options,
                                                     DigestKey key) const;
  dxl::Result<std::vector<FileRecord>> find_with(const rocksdb::ReadOptions& options,
                                                 const tie::FileHashes& hashes) const;
  // Calls f(agent key, value) for each reference of the subject.
  template <class F>
  dxl::Result<void> for_each_reference(const DigestKey& subject, F&& f) const;

  dxl::Result<void> add_moves(const Batch& batch, rocksdb::WriteBatch& out) const;
  dxl::Result<void> add_removals(const Batch& batch, rocksdb::WriteBatch& out) const;
  static void add_records(const Batch& batch, rocksdb::WriteBatch& out);
  // The number of agents afterwards.
  dxl::Result<std::uint64_t> add_references(const Batch& batch, rocksdb::WriteBatch& out) const;

  std::string directory_;
  std::unique_ptr<rocksdb::Env> env_;  // outlives the database; null: the machine's
  std::unique_ptr<rocksdb::DB> db_;
  const bool sync_writes_;
  bool resume_first_ = false;  // writer thread: the last write failed
  std::atomic<std::uint64_t> agents_{0};
  std::atomic<std::uint64_t> change_id_{0};
};

bool has_lz4() {
  for (const rocksdb::CompressionType type : rocksdb::GetSupportedCompressions())
    if (type == rocksdb::kLZ4Compression) return true;
  return false;
}

rocksdb::Options make_options(const RocksOptions& from, rocksdb::Env* env) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.write_buffer_size = kWriteBufferBytes;
  options.compression = has_lz4() ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = kKeptInfoLogs;
  options.max_log_file_size = kMaxInfoLogBytes;
  if (env != nullptr) options.env = env;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.block_cache = rocksdb::NewLRUCache(from.block_cache_bytes);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Mode 0700 from the first moment, whatever the umask.
dxl::Result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) return {};
  if (!std::filesystem::create_directories(directory, error) || error)
    return dxl::fail(dxl::ErrorCode::kStorage, fmt::format("store {}: cannot be created: {}",
                                                           directory.string(), error.message()));
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error)
    return dxl::fail(dxl::ErrorCode::kStorage, fmt::format("store {}: mode 0700 refused: {}",
                                                           directory.string(), error.message()));
  return {};
}

dxl::Result<std::unique_ptr<ReputationStore>> RocksStore::open(const RocksOptions& options) {
  const std::string directory = options.directory.string();
  if (dxl::Result<void> made = make_directory(options.directory); !made)
    return dxl::fail(made.error());
  std::unique_ptr<rocksdb::Env> env;
  if (options.file_system) env = rocksdb::NewCompositeEnv(options.file_system);
  std::unique_ptr<RocksStore> store(new RocksStore(directory, std::move(env), options.sync_writes));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(make_options(options, store->env_.get()), directory, &db);
  if (!status.ok()) {
    const std::string reason = status.ToString();
    if (status.IsIOError() && reason.find("/LOCK") != std::string::npos)
      return dxl::fail(dxl::ErrorCode::kInUse,
                       fmt::format("store {}: in use by another process ({})", directory, reason));
    return store->fail(reason);
  }
  store->db_.reset(db);
  if (dxl::Result<void> loaded = store->load_meta(); !loaded) return dxl::fail(loaded.error());
  return std::unique_ptr<ReputationStore>(std::move(store));
}

RocksStore::~RocksStore() {
  if (!db_) return;
  // What was written unsynced survives a clean stop. A log that failed must not be touched again:
  // RocksDB would abort.
  if (!resume_first_) static_cast<void>(db_->SyncWAL());
  static_cast<void>(db_->Close());
}

dxl::Result<void> RocksStore::load_meta() {
  const auto format = read_number(kFormatKey);
  if (!format) return dxl::fail(format.error());
  if (!*format) {
    const std::unique_ptr<rocksdb::Iterator> any(db_->NewIterator({}));
    any->SeekToFirst();
    if (any->Valid() || !any->status().ok())
      return fail("holds data without a format version; not a reputation store");
    rocksdb::WriteOptions synced;
    synced.sync = sync_writes_;
    const rocksdb::Status status = db_->Put(synced, slice(kFormatKey), varint(kFormatVersion));
    if (!status.ok()) return fail(status.ToString());
    return {};
  }
  if (**format != kFormatVersion)
    return fail(fmt::format("format version {}, this program reads {}", **format, kFormatVersion));
  const auto change_id = read_number(kChangeKey);
  if (!change_id) return dxl::fail(change_id.error());
  const auto agents = read_number(kAgentsKey);
  if (!agents) return dxl::fail(agents.error());
  change_id_ = change_id->value_or(0);
  agents_ = agents->value_or(0);
  return {};
}

dxl::Result<std::optional<std::uint64_t>> RocksStore::read_number(std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get({}, slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::uint64_t>{};
  if (!status.ok()) return fail(status.ToString());
  std::string_view rest = value;
  const std::optional<std::uint64_t> number = take_varint(rest);
  if (!number || !rest.empty()) return fail(fmt::format("{}: not a number", key));
  return number;
}

dxl::Result<bool> RocksStore::exists(const rocksdb::ReadOptions& options,
                                     const std::string& key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->Get(options, db_->DefaultColumnFamily(), key, &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return fail(status.ToString());
  return true;
}

dxl::Result<std::optional<FileRecord>> RocksStore::read_record(const rocksdb::ReadOptions& options,
                                                               DigestKey key) const {
  for (int hop = 0; hop < kMaxHops; ++hop) {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        db_->Get(options, db_->DefaultColumnFamily(), digest_key(key), &value);
    if (status.IsNotFound()) {
      if (hop != 0) return fail("pointer to a record that is not there");
      return std::optional<FileRecord>{};
    }
    if (!status.ok()) return fail(status.ToString());
    std::string_view bytes = view(value);
    const char tag = bytes.empty() ? '\0' : bytes.front();
    if (tag == kRecordTag) {
      dxl::Result<FileRecord> record = decode_record(bytes.substr(1));
      if (!record) return fail(record.error().message);
      return std::optional<FileRecord>(*std::move(record));
    }
    DigestKey next;
    if (tag != kPointerTag || bytes.size() < 2 || bytes.size() > 1 + next.bytes.size())
      return fail("digest with a damaged value");
    std::copy(bytes.begin() + 1, bytes.end(), next.bytes.begin());
    if (next.bytes[0] <= key.bytes[0] || next.bytes[0] > 3 ||
        next.view().size() != bytes.size() - 1)
      return fail("pointer that does not lead to a stronger digest");
    key = next;
  }
  return fail("chain of pointers");
}

dxl::Result<std::vector<FileRecord>> RocksStore::find_with(const rocksdb::ReadOptions& options,
                                                           const tie::FileHashes& hashes) const {
  std::vector<FileRecord> found;
  for (const DigestKey& key : DigestKeys(hashes)) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const FileRecord& record) {
      return has_digest(record.hashes, key);
    });
    if (known) continue;
    dxl::Result<std::optional<FileRecord>> record = read_record(options, key);
    if (!record) return dxl::fail(record.error());
    if (*record) found.push_back(**std::move(record));
  }
  return found;
}

dxl::Result<std::vector<FileRecord>> RocksStore::find(const tie::FileHashes& hashes) const {
  dxl::Result<std::vector<FileRecord>> found = find_with({}, hashes);
  if (!found || found->size() < 2) return found;
  // Two records may be one that was re-keyed or merged between the reads: look at one moment.
  rocksdb::ReadOptions at_once;
  at_once.snapshot = db_->GetSnapshot();
  found = find_with(at_once, hashes);
  db_->ReleaseSnapshot(at_once.snapshot);
  return found;
}

dxl::Result<bool> RocksStore::has_reference(const tie::FileHashes& subject,
                                            std::string_view agent) const {
  return exists({}, reference_key(strongest_key(subject), agent));
}

template <class F>
dxl::Result<void> RocksStore::for_each_reference(const DigestKey& subject, F&& f) const {
  const std::string prefix = reference_prefix(subject);
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next())
    if (dxl::Result<void> done = f(view(at->key()).substr(prefix.size()), view(at->value())); !done)
      return done;
  if (!at->status().ok()) return fail(at->status().ToString());
  return {};
}

dxl::Result<std::uint64_t> RocksStore::count_references(
    const std::vector<tie::FileHashes>& subjects) const {
  std::set<std::string, std::less<>> agents;
  for (const tie::FileHashes& subject : subjects) {
    const dxl::Result<void> read = for_each_reference(
        strongest_key(subject), [&](std::string_view agent, std::string_view) -> dxl::Result<void> {
          agents.emplace(agent);
          return {};
        });
    if (!read) return dxl::fail(read.error());
  }
  return agents.size();
}

dxl::Result<void> RocksStore::add_moves(const Batch& batch, rocksdb::WriteBatch& out) const {
  // Several subjects may move to one, so the earliest date is found over all of them first.
  std::map<std::string, Reference> merged;
  for (const Batch::Move& move : batch.moves) {
    const DigestKey from = strongest_key(move.from);
    const DigestKey to = strongest_key(move.to);
    if (from == to) continue;
    const auto take = [&](bool leaves, const DigestKey& subject) {
      return for_each_reference(
          subject, [&](std::string_view agent, std::string_view value) -> dxl::Result<void> {
            const std::optional<Reference> reference = decode_reference(value);
            if (!reference) return fail("reference with a damaged value");
            if (leaves) out.Delete(reference_prefix(subject).append(agent));
            const auto [at, inserted] =
                merged.emplace(reference_prefix(to).append(agent), *reference);
            if (!inserted && reference->time < at->second.time) at->second = *reference;
            return {};
          });
    };
    if (dxl::Result<void> own = take(false, to); !own) return own;
    if (dxl::Result<void> taken = take(true, from); !taken) return taken;
  }
  for (const auto& [key, reference] : merged) out.Put(key, encode(reference));
  return {};
}

dxl::Result<void> RocksStore::add_removals(const Batch& batch, rocksdb::WriteBatch& out) const {
  for (const tie::FileHashes& hashes : batch.remove) {
    for (const DigestKey& key : DigestKeys(hashes)) out.Delete(digest_key(key));
    const DigestKey subject = strongest_key(hashes);
    const dxl::Result<void> removed = for_each_reference(
        subject, [&](std::string_view agent, std::string_view) -> dxl::Result<void> {
          out.Delete(reference_prefix(subject).append(agent));
          return {};
        });
    if (!removed) return removed;
  }
  return {};
}

void RocksStore::add_records(const Batch& batch, rocksdb::WriteBatch& out) {
  std::string value;
  for (const FileRecord& record : batch.put) {
    const DigestKeys keys(record.hashes);
    value.assign(1, kRecordTag);
    append_record(record, value);
    out.Put(digest_key(keys[0]), value);
    value.assign(1, kPointerTag).append(keys[0].view());
    for (std::size_t i = 1; i < keys.size(); ++i) out.Put(digest_key(keys[i]), value);
  }
}

dxl::Result<std::uint64_t> RocksStore::add_references(const Batch& batch,
                                                      rocksdb::WriteBatch& out) const {
  std::uint64_t agents = agents_.load();
  std::set<std::string> written;
  const auto add_once = [&](std::string key, const std::string& value) -> dxl::Result<bool> {
    if (written.contains(key)) return false;
    const dxl::Result<bool> there = exists({}, key);
    if (!there) return dxl::fail(there.error());
    if (*there) return false;
    out.Put(key, value);
    written.insert(std::move(key));
    return true;
  };
  for (const Batch::Reference& reference : batch.references) {
    const dxl::Result<bool> added =
        add_once(reference_key(strongest_key(reference.subject), reference.agent),
                 encode(Reference{.time = reference.time, .agent = reference.agent}));
    if (!added) return dxl::fail(added.error());
    const dxl::Result<bool> fresh = add_once(agent_seen_key(reference.agent), {});
    if (!fresh) return dxl::fail(fresh.error());
    if (*fresh) ++agents;
  }
  if (agents != agents_.load()) out.Put(slice(kAgentsKey), varint(agents));
  return agents;
}

dxl::Result<void> RocksStore::commit(const Batch& batch, Durability durability) {
  if (dxl::Result<void> checked = check_batch(batch); !checked) return checked;
  if (resume_first_) {
    const rocksdb::Status resumed = db_->Resume();
    // RocksDB itself waits for more room than the write needs, and says so in its own log only.
    if (resumed.IsBusy())
      return fail("writes go on when at least 32 MiB of the disk are free again");
    if (!resumed.ok()) return fail(resumed.ToString());
    resume_first_ = false;
  }
  rocksdb::WriteBatch out;
  if (dxl::Result<void> added = add_moves(batch, out); !added) return added;
  if (dxl::Result<void> added = add_removals(batch, out); !added) return added;
  add_records(batch, out);
  const dxl::Result<std::uint64_t> agents = add_references(batch, out);
  if (!agents) return dxl::fail(agents.error());
  if (batch.change_id) out.Put(slice(kChangeKey), varint(*batch.change_id));

  rocksdb::WriteOptions options;
  options.sync = sync_writes_ && durability == Durability::kSynced;
  const rocksdb::Status status = db_->Write(options, &out);
  if (!status.ok()) {
    resume_first_ = true;
    return fail(status.ToString());
  }
  agents_ = *agents;
  if (batch.change_id) change_id_ = *batch.change_id;
  return {};
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
                   directory.string() + ": " + std::to_string(space.available) +
                       " bytes are free on its disk, recovery needs " + std::to_string(needed));
}

}  // namespace

dxl::Result<std::unique_ptr<ReputationStore>> open_rocks_store(const RocksOptions& options) {
  if (auto room = check_room(options.directory); !room) return dxl::fail(room.error());
  return RocksStore::open(options);
}

}  // namespace tiara::store
