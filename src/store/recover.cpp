// Opening a store whose log is damaged, and saying what that gives up.
#include <algorithm>

#include "store/maintenance.hpp"
#include "store/rocks_store.hpp"

namespace tiara::store {
namespace {

dxl::Result<Meta> meta_of(const RocksOptions& options) {
  const auto database = Database::open(options, Database::IfMissing::kRefuse);
  if (!database) return dxl::fail(database.error());
  return read_meta(**database);
}

// The numbers that readable parts of the log behind the damage have; nothing if none can be read.
void look_behind(const std::filesystem::path& directory, RecoverReport& report) {
  const dxl::Result<Meta> meta =
      meta_of({.directory = directory, .read_only = true, .skip_damaged_log = true});
  if (!meta) return;
  report.change_id_seen = meta->change_id;
  report.audit_seen = meta->audit.count;
}

}  // namespace

dxl::Result<RecoverReport> recover_store(const std::filesystem::path& directory) {
  RecoverReport report;
  dxl::Result<Meta> meta = meta_of({.directory = directory});
  if (!meta) {
    if (meta.error().code != dxl::ErrorCode::kStorage) return dxl::fail(meta.error());
    report.damage = meta.error().message;
    if (report.damage.ends_with(kDamageRemedy))
      report.damage.resize(report.damage.size() - kDamageRemedy.size());
    look_behind(directory, report);
    meta = meta_of({.directory = directory, .accept_damaged_log = true});
    if (!meta) return dxl::fail(meta.error());
  }
  report.change_id = meta->change_id;
  report.audit = meta->audit;
  report.change_id_seen = std::max(report.change_id_seen, meta->change_id);
  report.audit_seen = std::max(report.audit_seen, meta->audit.count);
  return report;
}

}  // namespace tiara::store
