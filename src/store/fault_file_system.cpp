#include "store/fault_file_system.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <rocksdb/file_system.h>

namespace tiara::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

std::string directory_of(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().parent_path().string();
}

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Overwrites the last sector of what was written behind `from`.
void tear(const std::string& path, std::uint64_t from, std::uint64_t end,
          FaultFileSystem::TornWrite torn, std::mt19937_64& random) {
  constexpr std::uint64_t kSector = 512;
  const std::uint64_t start = std::max(from, end < kSector ? 0 : (end - 1) / kSector * kSector);
  std::string sector(end - start, '\0');
  if (torn == FaultFileSystem::TornWrite::kGarbage)
    for (char& byte : sector) byte = static_cast<char>(random());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(start));
  file << sector;
}

}  // namespace

// What the disk has and what it would have after a power cut.
class FaultFileSystem::Impl : public rocksdb::FileSystemWrapper,
                              public std::enable_shared_from_this<FaultFileSystem::Impl> {
 public:
  Impl() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultFileSystem"; }

  // --- faults

  void cut_power_after(std::uint64_t operations) {
    const std::lock_guard lock(mutex_);
    operations_left_ = operations;
  }
  bool power_is_off() const {
    const std::lock_guard lock(mutex_);
    return operations_left_ == 0;
  }
  void set_append_fault(AppendFault fault, std::uint64_t after_appends) {
    const std::lock_guard lock(mutex_);
    append_fault_ = fault;
    sound_appends_ = after_appends;
  }
  void set_sync_fault(bool fails) {
    const std::lock_guard lock(mutex_);
    sync_fails_ = fails;
  }

  void lose_unsynced(std::uint64_t seed, TornWrite torn) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 random(seed);
    for (const auto& [path, sizes] : files_) {
      if (sizes.written == sizes.synced || !std::filesystem::exists(path)) continue;
      const std::uint64_t kept = random() % (sizes.written - sizes.synced + 1);
      std::filesystem::resize_file(path, sizes.synced + kept);
      if (torn != TornWrite::kCut) tear(path, sizes.synced, sizes.synced + kept, torn, random);
    }
    for (auto change = entries_.rbegin(); change != entries_.rend(); ++change) {
      std::filesystem::remove(change->path);
      if (!change->moved_from.empty()) write_all(change->moved_from, change->content);
      if (change->replaced) write_all(change->path, *change->replaced);
    }
    files_.clear();
    entries_.clear();
    operations_left_ = kNever;
  }

  // --- what files and directories report

  IOStatus count_operation() {
    const std::lock_guard lock(mutex_);
    if (operations_left_ == 0) return IOStatus::IOError("power is off");
    if (operations_left_ != kNever) --operations_left_;
    return IOStatus::OK();
  }
  // What this append meets.
  AppendFault next_append_fault() {
    const std::lock_guard lock(mutex_);
    if (append_fault_ == AppendFault::kNone) return AppendFault::kNone;
    if (sound_appends_ == 0) return append_fault_;
    --sound_appends_;
    return AppendFault::kNone;
  }
  bool sync_fails() const {
    const std::lock_guard lock(mutex_);
    return sync_fails_;
  }
  void on_appended(const std::string& path, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    files_[path].written += bytes;
  }
  void on_truncated(const std::string& path, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    Sizes& sizes = files_[path];
    sizes.written = size;
    sizes.synced = std::min(sizes.synced, size);
  }
  void on_synced(const std::string& path) {
    const std::lock_guard lock(mutex_);
    files_[path].synced = files_[path].written;
  }
  void on_directory_synced(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const EntryChange& change) {
      return directory_of(change.path) == directory;
    });
  }

  // --- the file system

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* debug) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext* debug) override;
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("the store does not recycle its logs");
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext* debug) override;

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    if (IOStatus status = count_operation(); !status.ok()) return status;
    EntryChange change{.path = to, .moved_from = from, .content = read_all(from), .replaced = {}};
    if (std::filesystem::exists(to)) change.replaced = read_all(to);
    IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    files_[to] = files_[from];
    files_.erase(from);
    entries_.push_back(std::move(change));
    return status;
  }
  // A deletion is taken as lasting at once: RocksDB deletes only what it no longer needs.
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    if (IOStatus status = count_operation(); !status.ok()) return status;
    const std::lock_guard lock(mutex_);
    files_.erase(path);
    std::erase_if(entries_, [&](const EntryChange& change) { return change.path == path; });
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }

 private:
  struct Sizes {
    std::uint64_t written = 0;
    std::uint64_t synced = 0;
  };
  // A name that appeared since its directory was last synced.
  struct EntryChange {
    std::string path;
    std::string moved_from;  // empty: a new file
    std::string content;
    std::optional<std::string> replaced;
  };

  mutable std::mutex mutex_;
  std::uint64_t operations_left_ = kNever;
  AppendFault append_fault_ = AppendFault::kNone;
  std::map<std::string, Sizes> files_;
  std::vector<EntryChange> entries_;  // oldest first
  std::uint64_t sound_appends_ = 0;   // before append_fault_ begins
  bool sync_fails_ = false;
};

namespace {

// Not named outside this file, so it takes the functions it needs instead of the private type.
template <class Disk>
class File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Disk> disk, std::string path)
      : FSWritableFileOwnerWrapper(std::move(file)),
        disk_(std::move(disk)),
        path_(std::move(path)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    switch (disk_->next_append_fault()) {
      case FaultFileSystem::AppendFault::kNone:
        return append(data, options, debug);
      case FaultFileSystem::AppendFault::kNoSpace:
        return IOStatus::NoSpace("no space left on the test's disk");
      case FaultFileSystem::AppendFault::kIoError:
        return IOStatus::IOError("the test's disk is broken");
      case FaultFileSystem::AppendFault::kShortWrite:
        break;
    }
    IOStatus part = append(Slice(data.data(), data.size() / 2), options, debug);
    return part.ok() ? IOStatus::NoSpace("the test's disk took a part only") : part;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*checksums*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus status = disk_->count_operation(); !status.ok()) return status;
    IOStatus status = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    if (status.ok()) disk_->on_truncated(path_, size);
    return status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  template <class F>
  IOStatus sync(F&& f) {
    if (IOStatus status = disk_->count_operation(); !status.ok()) return status;
    if (disk_->sync_fails()) return IOStatus::IOError("the test's disk does not sync");
    IOStatus status = f();
    if (status.ok()) disk_->on_synced(path_);
    return status;
  }
  IOStatus append(const Slice& data, const IOOptions& options, IODebugContext* debug) {
    if (IOStatus status = disk_->count_operation(); !status.ok()) return status;
    IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) disk_->on_appended(path_, data.size());
    return status;
  }

  std::shared_ptr<Disk> disk_;
  std::string path_;
};

template <class Disk>
class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::shared_ptr<Disk> disk,
            std::string path)
      : FSDirectoryWrapper(std::move(directory)), disk_(std::move(disk)), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSDirectoryWrapper::Fsync(options, debug); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& how) override {
    return sync([&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, how); });
  }

 private:
  template <class F>
  IOStatus sync(F&& f) {
    if (IOStatus status = disk_->count_operation(); !status.ok()) return status;
    IOStatus status = f();
    if (status.ok()) disk_->on_directory_synced(path_);
    return status;
  }

  std::shared_ptr<Disk> disk_;
  std::string path_;
};

}  // namespace

IOStatus FaultFileSystem::Impl::NewWritableFile(const std::string& path, const FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                IODebugContext* debug) {
  if (IOStatus status = count_operation(); !status.ok()) return status;
  const bool existed = std::filesystem::exists(path);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &file, debug);
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    files_[path] = Sizes{};
    if (!existed)
      entries_.push_back(
          EntryChange{.path = path, .moved_from = {}, .content = {}, .replaced = {}});
  }
  *result = std::make_unique<File<Impl>>(std::move(file), shared_from_this(), path);
  return status;
}

IOStatus FaultFileSystem::Impl::ReopenWritableFile(const std::string& path,
                                                   const FileOptions& options,
                                                   std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                   IODebugContext* debug) {
  if (IOStatus status = count_operation(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, &file, debug);
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    if (!files_.contains(path)) {
      const std::uint64_t size = std::filesystem::file_size(path);
      files_[path] = Sizes{.written = size, .synced = size};
    }
  }
  *result = std::make_unique<File<Impl>>(std::move(file), shared_from_this(), path);
  return status;
}

IOStatus FaultFileSystem::Impl::NewDirectory(const std::string& path, const IOOptions& options,
                                             std::unique_ptr<rocksdb::FSDirectory>* result,
                                             IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  IOStatus status = FileSystemWrapper::NewDirectory(path, options, &directory, debug);
  if (!status.ok()) return status;
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  *result = std::make_unique<Directory<Impl>>(std::move(directory), shared_from_this(), normal);
  return status;
}

FaultFileSystem::FaultFileSystem() : impl_(std::make_shared<Impl>()) {}
FaultFileSystem::~FaultFileSystem() = default;
std::shared_ptr<rocksdb::FileSystem> FaultFileSystem::file_system() const { return impl_; }
void FaultFileSystem::cut_power_after(std::uint64_t operations) {
  impl_->cut_power_after(operations);
}
bool FaultFileSystem::power_is_off() const { return impl_->power_is_off(); }
void FaultFileSystem::lose_unsynced(std::uint64_t seed, TornWrite torn) {
  impl_->lose_unsynced(seed, torn);
}
void FaultFileSystem::set_append_fault(AppendFault fault, std::uint64_t after_appends) {
  impl_->set_append_fault(fault, after_appends);
}
void FaultFileSystem::set_sync_fault(bool fails) { impl_->set_sync_fault(fails); }

}  // namespace tiara::store
