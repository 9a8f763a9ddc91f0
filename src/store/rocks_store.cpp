// Opening, formats and counters of the store on RocksDB.
#include "store/rocks_store.hpp"

#include <fmt/format.h>

#include "base/hex.hpp"
#include "base/kill_point.hpp"
#include "base/ports.hpp"
#include "store/rocks_keys.hpp"
#include "store/rocks_values.hpp"

namespace tiara::store {
namespace {

constexpr std::size_t kIdBytes = 16;

std::string new_id() {
  base::SystemRandom random;
  std::string id;
  append_ordered(random.next(), id);
  append_ordered(random.next(), id);
  return id;
}

// The keys that format 2 has and format 1 has not.
void put_format(Writes& writes) {
  writes.put(kFormatKey, varint_value(kFormatVersion));
  writes.put(kIdKey, new_id());
  writes.put(kAuditKey, head_value({}));
}

dxl::Result<void> write_format(Database& database) {
  Writes writes;
  put_format(writes);
  return database.write(writes, true);
}

dxl::Result<void> check_format(const Database& database, std::optional<std::uint64_t> format) {
  if (!format) return database.fail("holds data without a format version; not a reputation store");
  if (*format >= kFirstFormatVersion && *format <= kFormatVersion) return {};
  return database.fail(fmt::format("format version {}, this program reads {} to {}", *format,
                                   kFirstFormatVersion, kFormatVersion));
}

dxl::Result<void> read_identity(const Database& database, const Snapshot* at, Meta& meta) {
  std::string value;
  const dxl::Result<bool> has_id = database.get(kIdKey, value, at);
  if (!has_id) return dxl::fail(has_id.error());
  if (!*has_id || value.size() != kIdBytes) return database.fail("its id is missing or damaged");
  meta.id = base::to_hex(value);
  const dxl::Result<bool> has_head = database.get(kAuditKey, value, at);
  if (!has_head) return dxl::fail(has_head.error());
  const std::optional<AuditHead> head = *has_head ? parse_head(value) : std::nullopt;
  if (!head) return database.fail("the end of its audit log is missing or damaged");
  meta.audit = *head;
  return {};
}

}  // namespace

dxl::Result<Meta> read_meta(const Database& database, const Snapshot* at) {
  Meta meta;
  const auto format = database.get_number(kFormatKey, at);
  if (!format) return dxl::fail(format.error());
  if (dxl::Result<void> known = check_format(database, *format); !known)
    return dxl::fail(known.error());
  meta.format = **format;
  const auto change_id = database.get_number(kChangeKey, at);
  if (!change_id) return dxl::fail(change_id.error());
  const auto agents = database.get_number(kAgentsKey, at);
  if (!agents) return dxl::fail(agents.error());
  meta.change_id = change_id->value_or(0);
  meta.agents = agents->value_or(0);
  if (meta.format == kFirstFormatVersion) return meta;
  if (dxl::Result<void> read = read_identity(database, at, meta); !read)
    return dxl::fail(read.error());
  return meta;
}

dxl::Result<Meta> open_meta(Database& database) {
  const auto format = database.get_number(kFormatKey);
  if (!format) return dxl::fail(format.error());
  const Cursor any(database, "");
  if (dxl::Result<void> read = any.status(); !read) return dxl::fail(read.error());
  const bool is_new = !*format && !any.valid();
  if (!is_new) {
    if (dxl::Result<void> known = check_format(database, *format); !known)
      return dxl::fail(known.error());
  }
  if (is_new || **format != kFormatVersion) {
    if (database.read_only() && !is_new)
      return database.fail(
          fmt::format("format version {}; it must be opened for writing once to become {}",
                      **format, kFormatVersion));
    TIARA_KILL_POINT_IF(!is_new, "store.upgrade.before");
    if (dxl::Result<void> written = write_format(database); !written)
      return dxl::fail(written.error());
    TIARA_KILL_POINT_IF(!is_new, "store.upgrade.after");
  }
  dxl::Result<Meta> meta = read_meta(database);
  if (meta && !is_new) meta->format = **format;
  return meta;
}

RocksStore::RocksStore(std::unique_ptr<Database> database, const Meta& meta)
    : database_(std::move(database)),
      id_(meta.id),
      found_format_(meta.format),
      agents_(meta.agents),
      change_id_(meta.change_id),
      audit_(meta.audit) {}

dxl::Result<std::unique_ptr<RocksStore>> RocksStore::open(const RocksOptions& options) {
  dxl::Result<std::unique_ptr<Database>> database = Database::open(options);
  if (!database) return dxl::fail(database.error());
  TIARA_KILL_POINT("store.open.recovered");
  const dxl::Result<Meta> meta = open_meta(**database);
  if (!meta) return dxl::fail(meta.error());
  TIARA_KILL_POINT("store.open.done");
  return std::unique_ptr<RocksStore>(new RocksStore(*std::move(database), *meta));
}

AuditHead RocksStore::audit_head() const {
  const std::lock_guard lock(audit_mutex_);
  return audit_;
}

dxl::Result<void> RocksStore::commit(const Batch& batch, Durability durability) {
  if (dxl::Result<void> checked = check_batch(batch); !checked) return checked;
  if (database_->read_only()) return database_->fail("open for reading only");
  dxl::Result<Prepared> prepared = prepare(*database_, batch, agents_.load(), audit_head());
  if (!prepared) return dxl::fail(prepared.error());
  const bool synced = durability == Durability::kSynced;
  TIARA_KILL_POINT_IF(!batch.moves.empty(), "store.merge.before");
  TIARA_KILL_POINT_IF(!batch.remove.empty(), "store.retention.before");
  if (dxl::Result<void> written = database_->write(prepared->writes, synced); !written)
    return written;
  TIARA_KILL_POINT_IF(!batch.moves.empty(), "store.merge.after");
  TIARA_KILL_POINT_IF(!batch.remove.empty(), "store.retention.after");
  agents_ = prepared->agents;
  if (batch.change_id) change_id_ = *batch.change_id;
  const std::lock_guard lock(audit_mutex_);
  audit_ = prepared->audit;
  return {};
}

dxl::Result<std::unique_ptr<ReputationStore>> open_rocks_store(const RocksOptions& options) {
  dxl::Result<std::unique_ptr<RocksStore>> store = RocksStore::open(options);
  if (!store) return dxl::fail(store.error());
  return std::unique_ptr<ReputationStore>(*std::move(store));
}

}  // namespace tiara::store
