// `tiara audit`: whether the log of who changed what is whole, and the log itself. Reads beside a
// running server, as of the moment it began.
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>

#include "base/printable.hpp"
#include "store/reputation_store.hpp"
#include "tiara/audit_text.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/status.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using Store = std::unique_ptr<store::ReputationStore>;

int broken(std::string_view why) {
  fmt::print(stderr, "tiara: {}\n", base::printable(why));
  return kExitNegative;
}

// Ends where the store says that it ends, and passes through what was noted earlier.
std::optional<std::string> find_fault(const store::AuditHead& seen, const store::AuditHead& head,
                                      const std::optional<store::AuditHead>& noted,
                                      const std::optional<store::AuditHash>& at_noted) {
  if (!(seen == head))
    return fmt::format("the audit log ends with entry {}, but {} are on record", seen.count,
                       head.count);
  if (!noted) return std::nullopt;
  if (noted->count > head.count)
    return fmt::format("entry {} is missing: the audit log has {} entries, and had {}",
                       head.count + 1, head.count, noted->count);
  const store::AuditHash hash = at_noted.value_or(store::AuditHash{});
  if (hash != noted->hash)
    return fmt::format(
        "entry {} has another hash than was noted: it, or one before it, was altered",
        noted->count);
  return std::nullopt;
}

int verify(const CommonOptions& common, const AuditOptions& options,
           const store::ReputationStore& store) {
  std::optional<store::AuditHead> noted;
  if (!options.head.empty()) {
    noted = parse_audit_head(options.head);
    if (!noted)
      return report({ErrorCode::kInvalidArgument,
                     "--head: expected COUNT:HASH, the hash with 64 hexadecimal digits", 0});
  }
  store::AuditHead seen;
  std::optional<store::AuditHash> at_noted;
  const auto read = store.read_audit(1, [&](const store::NumberedAuditEntry& entry) {
    seen = {entry.number, entry.hash};
    if (noted && entry.number == noted->count) at_noted = entry.hash;
    return true;
  });
  if (!read) return broken(read.error().message);
  if (const auto fault = find_fault(seen, store.audit_head(), noted, at_noted))
    return broken(*fault);
  fmt::print(fmt::runtime(common.json ? "{{\"entries\":{},\"head\":\"{}\"}}\n"
                                      : "ok: {} entries, head {}\n"),
             seen.count, audit_head_text(seen));
  return kExitOk;
}

int write_out(const AuditOptions& options, const store::ReputationStore& store) {
  if (options.csv) fmt::print("{}\r\n", audit_csv_head());
  bool written = true;
  const auto read = store.read_audit(1, [&](const store::NumberedAuditEntry& entry) {
    const std::string line = options.csv ? audit_csv(entry) + "\r\n" : audit_json(entry) + "\n";
    written = std::fputs(line.c_str(), stdout) >= 0;
    return written;
  });
  if (std::fflush(stdout) != 0 || !written)
    return report({ErrorCode::kStorage, "stdout: cannot write", 0});
  return read ? kExitOk : broken(read.error().message);
}

}  // namespace

int run_audit(const CommonOptions& common, const AuditOptions& options) {
  if (auto there = check_store_is_there(options.place); !there) return report(there.error());
  store::RocksOptions rocks;
  rocks.directory = options.place.directory();
  rocks.read_only = true;
  const auto opened = store::open_rocks_store(rocks);
  if (!opened) return report(opened.error());
  return options.action == AuditOptions::Action::kVerify ? verify(common, options, **opened)
                                                         : write_out(options, **opened);
}

}  // namespace tiara::app
