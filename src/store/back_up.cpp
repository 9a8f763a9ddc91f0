// Back-ups of an open store, and stores from back-ups.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/utilities/backup_engine.h>

#include "base/kill_point.hpp"
#include "store/database.hpp"
#include "store/maintenance.hpp"
#include "store/rocks_store.hpp"

namespace tiara::store {
namespace {

tl::unexpected<dxl::Error> refuse(const std::filesystem::path& directory, std::string_view what) {
  return dxl::fail(dxl::ErrorCode::kStorage, fmt::format("{}: {}", directory.string(), what));
}

rocksdb::BackupEngineOptions engine_options(const std::filesystem::path& directory) {
  rocksdb::BackupEngineOptions options(directory.string());
  options.sync = true;
  return options;
}

using Shelf = std::unique_ptr<rocksdb::BackupEngineReadOnly>;

dxl::Result<Shelf> open_shelf(const std::filesystem::path& from) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(from / "meta", ignored))
    return refuse(from, "there are no back-ups");
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::IOStatus status =
      rocksdb::BackupEngineReadOnly::Open(engine_options(from), rocksdb::Env::Default(), &engine);
  if (!status.ok()) return refuse(from, status.ToString());
  return Shelf(engine);
}

std::vector<BackUp> read_shelf(const rocksdb::BackupEngineReadOnly& engine) {
  std::vector<rocksdb::BackupInfo> infos;
  engine.GetBackupInfo(&infos);
  std::vector<BackUp> found;
  for (const rocksdb::BackupInfo& info : infos)
    found.push_back({.number = info.backup_id, .time = info.timestamp, .bytes = info.size});
  std::sort(found.begin(), found.end(),
            [](const BackUp& left, const BackUp& right) { return left.number < right.number; });
  return found;
}

dxl::Result<std::uint32_t> choose(const std::filesystem::path& from,
                                  const rocksdb::BackupEngineReadOnly& engine,
                                  std::uint32_t number) {
  const std::vector<BackUp> found = read_shelf(engine);
  if (found.empty()) return refuse(from, "there are no back-ups");
  if (number == 0) return found.back().number;
  const auto at = std::find_if(found.begin(), found.end(),
                               [&](const BackUp& one) { return one.number == number; });
  if (at != found.end()) return number;
  return refuse(
      from, fmt::format("there is no back-up {}; the newest is {}", number, found.back().number));
}

dxl::Result<void> sync_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const std::error_code reason(errno, std::generic_category());
  if (fd >= 0) ::close(fd);
  if (!synced) return refuse(directory, "cannot be synced: " + reason.message());
  return {};
}

dxl::Result<void> check_destination(const std::filesystem::path& directory) {
  std::error_code failure;
  if (!std::filesystem::exists(directory, failure) && !failure) return {};
  if (!failure && std::filesystem::is_directory(directory, failure) &&
      std::filesystem::is_empty(directory, failure) && !failure)
    return {};
  return refuse(directory, failure ? failure.message() : "is there and not an empty directory");
}

dxl::Result<void> move_into_place(const std::filesystem::path& from,
                                  const std::filesystem::path& to) {
  if (dxl::Result<void> synced = sync_directory(from); !synced) return synced;
  std::error_code failure;
  std::filesystem::rename(from, to, failure);
  if (failure) return refuse(to, failure.message());
  return sync_directory(to.parent_path());
}

}  // namespace

dxl::Result<void> RocksStore::back_up(const std::filesystem::path& directory) {
  if (database_->read_only()) return database_->fail("open for reading only");
  if (backing_up_.exchange(true))
    return dxl::fail(dxl::ErrorCode::kInUse,
                     directory.string() + ": another back-up of this store is under way");
  const auto run = [&]() -> dxl::Result<void> {
    if (dxl::Result<void> made = make_private_directory(directory); !made) return made;
    rocksdb::BackupEngine* engine = nullptr;
    rocksdb::IOStatus status =
        rocksdb::BackupEngine::Open(engine_options(directory), database_->raw().GetEnv(), &engine);
    if (!status.ok()) return refuse(directory, status.ToString());
    const std::unique_ptr<rocksdb::BackupEngine> owner(engine);
    rocksdb::CreateBackupOptions options;
    options.flush_before_backup = true;
    TIARA_KILL_POINT("store.backup.before");
    status = engine->CreateNewBackup(options, &database_->raw());
    TIARA_KILL_POINT("store.backup.after");
    if (!status.ok()) return refuse(directory, status.ToString());
    return {};
  };
  dxl::Result<void> done = run();
  backing_up_ = false;
  return done;
}

dxl::Result<std::vector<BackUp>> list_back_ups(const std::filesystem::path& from) {
  const dxl::Result<Shelf> shelf = open_shelf(from);
  if (!shelf) return dxl::fail(shelf.error());
  return read_shelf(**shelf);
}

dxl::Result<void> restore_store(const std::filesystem::path& from, std::uint32_t number,
                                const std::filesystem::path& directory) {
  const std::filesystem::path to = std::filesystem::absolute(directory).lexically_normal();
  if (dxl::Result<void> free = check_destination(to); !free) return free;
  const dxl::Result<Shelf> shelf = open_shelf(from);
  if (!shelf) return dxl::fail(shelf.error());
  const dxl::Result<std::uint32_t> chosen = choose(from, **shelf, number);
  if (!chosen) return dxl::fail(chosen.error());
  const rocksdb::IOStatus sound = (*shelf)->VerifyBackup(*chosen, true);
  if (!sound.ok())
    return refuse(from, fmt::format("back-up {} is damaged: {}", *chosen, sound.ToString()));

  // Built beside its place, so that half a store never has the name of a whole one. What an
  // interrupted attempt left there is ours to remove.
  const std::filesystem::path partial = to.string() + ".restoring";
  std::error_code failure;
  std::filesystem::remove_all(partial, failure);
  if (failure) return refuse(partial, failure.message());
  if (dxl::Result<void> made = make_private_directory(partial); !made) return made;
  const rocksdb::IOStatus restored =
      (*shelf)->RestoreDBFromBackup(*chosen, partial.string(), partial.string());
  if (!restored.ok()) return refuse(partial, restored.ToString());
  return move_into_place(partial, to);
}

}  // namespace tiara::store
