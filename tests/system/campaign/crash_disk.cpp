#include "store/crash_disk.hpp"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <string_view>

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <rocksdb/write_batch.h>

#include "base/kill_point.hpp"

namespace tiara::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// As much as a system keeps back before it writes on its own.
constexpr std::size_t kMostKept = 1 << 20;
// One of so many writes makes a part of what is kept reach the disk: a torn write, if the end
// comes.
constexpr std::uint64_t kWriteBackEvery = 8;

struct DiskOptions {
  bool is_volatile = false, lies = false;
  enum class Fault : std::uint8_t { kNone, kNoSpace, kIoError, kShort, kSync } fault = Fault::kNone;
  std::uint64_t after = 0, faults = std::numeric_limits<std::uint64_t>::max(), seed = 1;
};

void take_option(std::string_view name, std::string_view value, DiskOptions& options) {
  using Fault = DiskOptions::Fault;
  const auto number = [value](std::uint64_t& out) {
    std::from_chars(value.data(), value.data() + value.size(), out);
  };
  if (name == "volatile") options.is_volatile = true;
  if (name == "lie") options.is_volatile = options.lies = true;
  if (name == "after") number(options.after);
  if (name == "faults") number(options.faults);
  if (name == "seed") number(options.seed);
  if (name != "fault") return;
  if (value == "nospace") options.fault = Fault::kNoSpace;
  if (value == "ioerror") options.fault = Fault::kIoError;
  if (value == "short") options.fault = Fault::kShort;
  if (value == "sync") options.fault = Fault::kSync;
}

DiskOptions parse_options(std::string_view text) {
  DiskOptions options;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    take_option(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())), options);
  }
  return options;
}

class CrashDisk final : public rocksdb::FileSystemWrapper,
                        public std::enable_shared_from_this<CrashDisk> {
 public:
  explicit CrashDisk(const DiskOptions& options)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        options_(options),
        random_(options.seed) {}
  const char* Name() const override { return "CrashDisk"; }
  const DiskOptions& options() const { return options_; }

  // Whether this operation meets the fault of its kind.
  bool fails(bool is_sync) {
    if (options_.fault == DiskOptions::Fault::kNone) return false;
    if ((options_.fault == DiskOptions::Fault::kSync) != is_sync) return false;
    const std::uint64_t number = operations_.fetch_add(1);
    return number >= options_.after && number - options_.after < options_.faults;
  }
  std::uint64_t random() {
    const std::lock_guard lock(mutex_);
    return random_();
  }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* debug) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext* debug) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    base::kill_point("disk.rename.before");
    IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
    base::kill_point("disk.rename.after");
    return status;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    base::kill_point("disk.delete");
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }

 private:
  const DiskOptions options_;
  std::atomic<std::uint64_t> operations_{0};
  std::mutex mutex_;
  std::mt19937_64 random_;
};

// One thread writes a file at a time, as RocksDB promises; what is kept needs no lock.
class CrashFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CrashFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<CrashDisk> disk,
            const std::string& path)
      : FSWritableFileOwnerWrapper(std::move(file)),
        disk_(std::move(disk)),
        lies_(disk_->options().lies && path.ends_with(".log")) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    using Fault = DiskOptions::Fault;
    base::kill_point("disk.append");
    if (!disk_->fails(false)) return keep(data, options, debug);
    if (disk_->options().fault == Fault::kIoError) return IOStatus::IOError("the disk is broken");
    if (disk_->options().fault == Fault::kShort) {
      IOStatus part = keep(Slice(data.data(), data.size() / 2), options, debug);
      if (!part.ok()) return part;
    }
    return IOStatus::NoSpace("the disk is full");
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync(options, debug, [&] { return target()->Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync(options, debug, [&] { return target()->Fsync(options, debug); });
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return disk_->options().is_volatile ? IOStatus::OK() : target()->Flush(options, debug);
  }
  IOStatus RangeSync(std::uint64_t offset, std::uint64_t bytes, const IOOptions& options,
                     IODebugContext* debug) override {
    return disk_->options().is_volatile ? IOStatus::OK()
                                        : target()->RangeSync(offset, bytes, options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = write_back(kept_.size(), options, debug);
    return status.ok() ? target()->Truncate(size, options, debug) : status;
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = write_back(kept_.size(), options, debug);
    return status.ok() ? target()->Close(options, debug) : status;
  }
  std::uint64_t GetFileSize(const IOOptions& options, IODebugContext* debug) override {
    return target()->GetFileSize(options, debug) + kept_.size();
  }

 private:
  IOStatus keep(const Slice& data, const IOOptions& options, IODebugContext* debug) {
    if (!disk_->options().is_volatile) return target()->Append(data, options, debug);
    kept_.append(data.data(), data.size());
    if (kept_.size() > kMostKept) return write_back(kept_.size(), options, debug);
    if (lies_ || disk_->random() % kWriteBackEvery != 0) return IOStatus::OK();
    return write_back(disk_->random() % (kept_.size() + 1), options, debug);
  }
  IOStatus write_back(std::size_t bytes, const IOOptions& options, IODebugContext* debug) {
    if (bytes == 0) return IOStatus::OK();
    IOStatus status = target()->Append(Slice(kept_.data(), bytes), options, debug);
    kept_.erase(0, bytes);
    return status;
  }
  template <class F>
  IOStatus sync(const IOOptions& options, IODebugContext* debug, F&& really) {
    base::kill_point("disk.sync.before");
    if (disk_->fails(true)) return IOStatus::IOError("the disk does not sync");
    if (lies_) return IOStatus::OK();
    IOStatus status = write_back(kept_.size(), options, debug);
    if (status.ok()) status = really();
    base::kill_point("disk.sync.after");
    return status;
  }

  std::shared_ptr<CrashDisk> disk_;
  const bool lies_;
  std::string kept_;  // what the disk has not got yet
};

IOStatus CrashDisk::NewWritableFile(const std::string& path, const FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    IODebugContext* debug) {
  base::kill_point("disk.create");
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &file, debug);
  if (status.ok()) *result = std::make_unique<CrashFile>(std::move(file), shared_from_this(), path);
  return status;
}

IOStatus CrashDisk::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, &file, debug);
  if (status.ok()) *result = std::make_unique<CrashFile>(std::move(file), shared_from_this(), path);
  return status;
}

class FirstHalf final : public rocksdb::WriteBatch::Handler {
 public:
  explicit FirstHalf(std::uint32_t operations) : left_(operations / 2) {}
  void Put(const Slice& key, const Slice& value) override {
    if (next()) static_cast<void>(batch.Put(key, value));
  }
  void Delete(const Slice& key) override {
    if (next()) static_cast<void>(batch.Delete(key));
  }
  rocksdb::WriteBatch batch;

 private:
  bool next() { return left_ != 0 && left_-- != 0; }
  std::uint32_t left_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> crash_disk() {
  const char* const text = std::getenv("TIARA_DISK");
  if (text == nullptr) return nullptr;
  return std::make_shared<CrashDisk>(parse_options(text));
}

// The whole writes the same again, so only a kill between the two shows.
void write_first_half(rocksdb::DB& db, const rocksdb::WriteBatch& whole) {
  if (std::getenv("TIARA_SPLIT_COMMITS") == nullptr) return;
  FirstHalf half(whole.Count());
  static_cast<void>(whole.Iterate(&half));
  rocksdb::WriteOptions options;
  options.sync = true;
  static_cast<void>(db.Write(options, &half.batch));
  base::kill_point("store.write.split");
}

}  // namespace tiara::store
