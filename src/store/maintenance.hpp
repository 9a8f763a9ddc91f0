// Work on a store that no service has open (docs/store.md): each takes the lock itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "store/audit_entry.hpp"

namespace tiara::store {

using Progress = std::function<void(std::uint64_t done, std::uint64_t about)>;

// Reads every block, record, pointer, index and audit entry, and compares them with each other.
struct VerifyReport {
  std::uint64_t files = 0, certificates = 0, pointers = 0, references = 0, overrides = 0,
                updates = 0, names = 0;
  AuditHead audit;
  std::vector<std::string> problems;  // the first kMaxProblems, each with its key in hexadecimal
  std::uint64_t problem_count = 0;
};
inline constexpr std::size_t kMaxProblems = 100;
dxl::Result<VerifyReport> verify_store(const std::filesystem::path& directory,
                                       const Progress& progress);

// Rewrites all tables, so that what was removed leaves the disk.
struct SpaceReport {
  std::uint64_t bytes_before = 0, bytes_after = 0;
};
dxl::Result<SpaceReport> compact_store(const std::filesystem::path& directory,
                                       const Progress& progress);

// Rewrites every record that is still in an older format.
struct MigrateReport {
  std::uint64_t from_format = 0, to_format = 0, rewritten = 0;
};
dxl::Result<MigrateReport> migrate_store(const std::filesystem::path& directory,
                                         const Progress& progress);

// Opens a store whose log is damaged with what is before the damage; the rest of the log is gone
// afterwards. A sound store stays as it is. kStorage if something else than the log is damaged.
struct RecoverReport {
  std::string damage;  // empty: there was none, and nothing was given up
  std::uint64_t change_id = 0;
  AuditHead audit;
  // The highest numbers that the log has where it can be read: behind the damage too, so that at
  // least what is between the two was given up.
  std::uint64_t change_id_seen = 0, audit_seen = 0;
};
dxl::Result<RecoverReport> recover_store(const std::filesystem::path& directory);

// Whether a path is a directory, or anything in it, links followed as far as they are there.
bool is_within(const std::filesystem::path& path, const std::filesystem::path& directory);

struct BackUp {
  std::uint32_t number = 0;
  std::int64_t time = 0;  // seconds since 1970 UTC
  std::uint64_t bytes = 0;
};
// The back-ups in a directory that back_up() wrote, oldest first.
dxl::Result<std::vector<BackUp>> list_back_ups(const std::filesystem::path& from);
// Checks a back-up's checksums, then makes `directory`, which must not exist or be empty, from it.
// 0 = the newest. The number of the one it was.
dxl::Result<std::uint32_t> restore_store(const std::filesystem::path& from, std::uint32_t number,
                                         const std::filesystem::path& directory);

}  // namespace tiara::store
