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
  // Puts the files into the state a machine would find after the cut: of each file what was synced
  // and a random part of the rest; new names and renames only if their directory was synced. Call
  // after the database was closed.
  void lose_unsynced(std::uint64_t seed);

  enum class AppendFault : std::uint8_t { kNone, kNoSpace, kIoError };
  // What appends report from now on.
  void set_append_fault(AppendFault fault);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tiara::store
