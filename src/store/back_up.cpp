// Back-ups of an open store, and stores from back-ups.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
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

// A pipe among the files would hold up whoever opens it for ever.
dxl::Result<void> check_plain_files(const std::filesystem::path& directory) {
  std::error_code failure;
  auto file = std::filesystem::recursive_directory_iterator(directory, failure);
  for (; !failure && file != std::filesystem::recursive_directory_iterator();
       file.increment(failure)) {
    const std::filesystem::file_status status = file->symlink_status(failure);
    if (!failure && !is_regular_file(status) && !is_directory(status))
      return refuse(file->path(), "is neither a file nor a directory; remove it");
  }
  if (failure) return refuse(directory, failure.message());
  return {};
}

using Shelf = std::unique_ptr<rocksdb::BackupEngineReadOnly>;

dxl::Result<Shelf> open_shelf(const std::filesystem::path& from) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(from, ignored)) return refuse(from, "no such directory");
  if (!std::filesystem::is_directory(from / "meta", ignored))
    return refuse(from, "there are no back-ups");
  if (dxl::Result<void> plain = check_plain_files(from); !plain) return dxl::fail(plain.error());
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

// Those whose own description cannot be read, so that they are in no list.
std::vector<std::uint32_t> find_unreadable(const rocksdb::BackupEngineReadOnly& engine) {
  std::vector<rocksdb::BackupID> ids;
  engine.GetCorruptedBackups(&ids);
  return {ids.begin(), ids.end()};
}

dxl::Result<std::uint32_t> choose(const std::filesystem::path& from,
                                  const rocksdb::BackupEngineReadOnly& engine,
                                  std::uint32_t number) {
  const std::vector<BackUp> found = read_shelf(engine);
  const std::vector<std::uint32_t> unreadable = find_unreadable(engine);
  if (found.empty())
    return refuse(from, unreadable.empty() ? "there are no back-ups" : "all back-ups are damaged");
  // An older one in its place must be somebody's decision.
  for (const std::uint32_t damaged : unreadable) {
    if (number == damaged || (number == 0 && damaged > found.back().number))
      return refuse(from, fmt::format("back-up {} is damaged; the newest that is not has the "
                                      "number {}",
                                      damaged, found.back().number));
  }
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

// Canonical as far as it is there.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code failure;
  const auto whole = std::filesystem::weakly_canonical(path, failure);
  return failure ? std::filesystem::absolute(path, failure).lexically_normal() : whole;
}

// A back-up engine removes what it does not know, and its files among others' are hard to tell.
dxl::Result<void> check_shelf(const std::filesystem::path& directory,
                              const std::filesystem::path& store) {
  if (is_within(directory, store)) return refuse(directory, "is in the store that is backed up");
  std::error_code failure;
  if (!std::filesystem::exists(directory, failure) && !failure) return {};
  // What is there when the first back-up was interrupted may be less than this.
  static constexpr std::array<std::string_view, 5> kOurs{"meta", "private", "shared",
                                                         "shared_checksum", "lost+found"};
  bool is_empty = true, is_ours = true;
  auto file = std::filesystem::directory_iterator(directory, failure);
  for (; !failure && file != std::filesystem::directory_iterator(); file.increment(failure)) {
    is_empty = false;
    is_ours = is_ours && std::find(kOurs.begin(), kOurs.end(), file->path().filename().string()) !=
                             kOurs.end();
  }
  if (failure) return refuse(directory, failure.message());
  if (is_empty) return {};
  if (is_ours) return check_plain_files(directory);
  return refuse(directory, "holds other files; a directory of back-ups holds nothing else");
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

bool is_within(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const std::filesystem::path inner = resolved(path), outer = resolved(directory);
  const auto [end, unused] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

dxl::Result<void> RocksStore::back_up(const std::filesystem::path& directory) {
  if (database_->read_only()) return database_->fail("open for reading only");
  if (backing_up_.exchange(true))
    return dxl::fail(dxl::ErrorCode::kInUse,
                     directory.string() + ": another back-up of this store is under way");
  const auto run = [&]() -> dxl::Result<void> {
    if (dxl::Result<void> fits = check_shelf(directory, database_->raw().GetName()); !fits)
      return fits;
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

dxl::Result<std::uint32_t> restore_store(const std::filesystem::path& from, std::uint32_t number,
                                         const std::filesystem::path& directory) {
  const std::filesystem::path to = std::filesystem::absolute(directory).lexically_normal();
  if (dxl::Result<void> free = check_destination(to); !free) return dxl::fail(free.error());
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
  if (dxl::Result<void> made = make_private_directory(partial); !made)
    return dxl::fail(made.error());
  const rocksdb::IOStatus restored =
      (*shelf)->RestoreDBFromBackup(*chosen, partial.string(), partial.string());
  if (!restored.ok()) return refuse(partial, restored.ToString());
  if (dxl::Result<void> moved = move_into_place(partial, to); !moved)
    return dxl::fail(moved.error());
  return *chosen;
}

}  // namespace tiara::store
