// A disk for tests that can fill up and lose power. Everything goes through to real files; what was
// not synced is remembered, and taken back when the power is cut.
#pragma once

#include <cstdint>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace tiara::store {

class FaultFileSystem {
 public:
  FaultFileSystem();
  ~FaultFileSystem();

  std::shared_ptr<rocksdb::FileSystem> file_system() const;

  // From the given number of further write operations on (append, sync, create, rename, …) the
  // power is off: every operation that would change something fails.
  void cut_power_after(std::uint64_t operations);
  bool power_is_off() const;
  // What is left of the last unsynced write of a file: a part of it, or all of its bytes with the
  // last sector never written (zeros) or written half (garbage).
  enum class TornWrite : std::uint8_t { kCut, kZeros, kGarbage };
  // Puts the files into the state a machine would find after the cut: of each file what was synced
  // and a random part of the rest; new names and renames only if their directory was synced. Call
  // after the database was closed.
  void lose_unsynced(std::uint64_t seed, TornWrite torn = TornWrite::kCut);

  enum class AppendFault : std::uint8_t { kNone, kNoSpace, kIoError, kShortWrite };
  // What appends report, from the given number of further appends on. A short write leaves a part
  // of its bytes in the file and reports that there is no space.
  void set_append_fault(AppendFault fault, std::uint64_t after_appends = 0);
  // Whether syncing a file fails with an I/O error; what was appended then counts as not synced.
  void set_sync_fault(bool fails);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tiara::store
