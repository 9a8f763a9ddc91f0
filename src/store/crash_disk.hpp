// The disk of `tiara_crash` (see base/kill_point.hpp): a file system that keeps what was not synced
// in the memory of the process, so that killing it is a power cut, and that fails on demand.
#pragma once

#ifdef TIARA_CRASH_HOOKS

#include <memory>

namespace rocksdb {
class DB;
class FileSystem;
class WriteBatch;
}  // namespace rocksdb

namespace tiara::store {

// What TIARA_DISK says, options between commas; null without it:
//   volatile       what was not synced is lost with the process, but for a random part of it
//   lie            the same, and syncing RocksDB's log does nothing, which the campaign must notice
//   fault=KIND     nospace, ioerror, short (a part is written, then no space) or sync
//   after=N        writes (for sync: syncs) that go well before the first fault
//   faults=N       how many of them fail, then the disk is sound again
//   seed=N         of what is random
std::shared_ptr<rocksdb::FileSystem> crash_disk();
// What a commit must not be, and the campaign must notice: with TIARA_SPLIT_COMMITS its first half
// comes to disk before the whole.
void write_first_half(rocksdb::DB& db, const rocksdb::WriteBatch& whole);

}  // namespace tiara::store

#endif
