#include "store/maintenance.hpp"

#include <system_error>

#include "store/record_codec.hpp"
#include "store/rocks_keys.hpp"
#include "store/rocks_store.hpp"
#include "store/rocks_values.hpp"

namespace tiara::store {
namespace {

constexpr std::size_t kMigrationBytes = 4 * 1024 * 1024;
constexpr std::uint64_t kKeysPerProgress = 10'000;

std::uint64_t bytes_of(const std::filesystem::path& directory) {
  std::error_code failure;
  std::uint64_t bytes = 0;
  for (auto file = std::filesystem::directory_iterator(directory, failure);
       !failure && file != std::filesystem::directory_iterator(); file.increment(failure)) {
    std::error_code gone;
    const std::uintmax_t size = file->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

void tell(const Progress& progress, std::uint64_t done, std::uint64_t about) {
  if (progress) progress(done, about);
}

bool is_old_record(std::string_view value) {
  return value.size() > 1 && value[0] == kRecordTag &&
         static_cast<std::uint8_t>(value[1]) != kRecordVersion;
}

// Nobody else writes meanwhile, so a record that was read is still the same when it is written.
dxl::Result<std::uint64_t> rewrite_records(Database& database, const Progress& progress) {
  const std::uint64_t about = database.about_keys();
  std::uint64_t done = 0;
  std::uint64_t rewritten = 0;
  Writes writes;
  Cursor at(database, family_prefix(Family::kDigest));
  for (; at.valid(); at.next()) {
    if (++done % kKeysPerProgress == 0) tell(progress, done, about);
    if (!is_old_record(at.value())) continue;
    const dxl::Result<reputation::FileRecord> record = decode_record(at.value().substr(1));
    if (!record) return database.fail(record.error().message);
    put_record(*record, writes);
    ++rewritten;
    if (writes.bytes() < kMigrationBytes) continue;
    if (dxl::Result<void> written = database.write(writes, false); !written)
      return dxl::fail(written.error());
    writes = Writes();
  }
  if (dxl::Result<void> read = at.status(); !read) return dxl::fail(read.error());
  // Syncing the last write syncs those before it.
  writes.put(kFormatKey, varint_value(kFormatVersion));
  if (dxl::Result<void> written = database.write(writes, true); !written)
    return dxl::fail(written.error());
  tell(progress, done, done);
  return rewritten;
}

}  // namespace

dxl::Result<SpaceReport> compact_store(const std::filesystem::path& directory,
                                       const Progress& progress) {
  SpaceReport report{.bytes_before = bytes_of(directory)};
  {
    const auto database = Database::open({.directory = directory}, Database::IfMissing::kRefuse);
    if (!database) return dxl::fail(database.error());
    if (const dxl::Result<Meta> meta = read_meta(**database); !meta) return dxl::fail(meta.error());
    const std::uint64_t about = (*database)->about_keys();
    tell(progress, 0, about);
    if (dxl::Result<void> done = (*database)->compact(); !done) return dxl::fail(done.error());
    tell(progress, about, about);
  }
  report.bytes_after = bytes_of(directory);
  return report;
}

dxl::Result<MigrateReport> migrate_store(const std::filesystem::path& directory,
                                         const Progress& progress) {
  const auto database = Database::open({.directory = directory}, Database::IfMissing::kRefuse);
  if (!database) return dxl::fail(database.error());
  if (const dxl::Result<Meta> is_store = read_meta(**database); !is_store)
    return dxl::fail(is_store.error());
  const dxl::Result<Meta> found = open_meta(**database);
  if (!found) return dxl::fail(found.error());
  const dxl::Result<std::uint64_t> rewritten = rewrite_records(**database, progress);
  if (!rewritten) return dxl::fail(rewritten.error());
  return MigrateReport{
      .from_format = found->format, .to_format = kFormatVersion, .rewritten = *rewritten};
}

}  // namespace tiara::store
