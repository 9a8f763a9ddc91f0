#include "reputation/engine.hpp"

#include <algorithm>
#include <utility>

#include "reputation/resolve.hpp"

namespace tiara::reputation {
namespace {

// A verdict of a provider whose entry exists only after a report: External and the sandbox.
struct Verdict {
  tie::Provider provider;
  tie::TrustLevel level;
  std::string_view comment;
  std::vector<std::pair<std::string, std::string>> attributes;  // ids ascending
};

void take_over(const Verdict& verdict, std::int64_t now, FileRecord& record) {
  if (verdict.level == tie::TrustLevel::kNotSet) {
    remove_entry(record.entries, verdict.provider);
    return;
  }
  ProviderEntry& entry = entry_of(record.entries, verdict.provider);
  entry.trust_level = verdict.level;
  entry.create_date = now;  // L7, L12: also if the level is equal
  entry.comment.assign(verdict.comment);
  entry.attributes = verdict.attributes;
}

// `describe(FileRecord&)` adds what the report tells besides the verdict.
template <class Describe>
Outcome apply_verdict(const tie::FileHashes& hashes, const Verdict& verdict, std::int64_t now,
                      const Settings& settings, const Known& known, Describe describe) {
  const Resolver resolver(hashes, known);
  const bool removal = verdict.level == tie::TrustLevel::kNotSet;
  const bool teach = resolver.may_teach(settings.merge_learn, verdict.provider);
  const Resolved resolved = resolver.resolve(teach, now);
  if (removal && resolved.record.find(verdict.provider) == nullptr) return {};  // L3
  return write(resolved, !removal, now, [&](FileRecord& record) {
    describe(record);
    touch(record.last_used, now);
    take_over(verdict, now, record);
    return true;
  });
}

}  // namespace

Outcome apply_set(const tie::FileHashes& hashes, tie::TrustLevel level, std::string_view filename,
                  std::string_view comment, std::int64_t now, const Known& known) {
  const Resolver resolver(hashes, known);
  const bool removal = level == tie::TrustLevel::kNotSet;
  if (removal && resolver.unknown()) return {};  // L3
  return write(resolver.resolve(true, now), !removal, now, [&](FileRecord& record) {
    add_name(record, filename);
    touch(record.last_used, now);
    if (removal && record.find(tie::Provider::kEnterprise) == nullptr) return true;
    ProviderEntry& entry = entry_of(record.entries, tie::Provider::kEnterprise);
    if (entry.trust_level != level) entry.create_date = now;  // L7
    entry.trust_level = level;
    entry.comment.assign(comment);
    return true;
  });
}

Outcome apply_external(const tie::ExternalReport& report, std::int64_t now,
                       const Settings& settings, const Known& known) {
  const Verdict verdict{.provider = tie::Provider::kExternal,
                        .level = report.trust_level,
                        .comment = report.comment,
                        .attributes = {}};
  return apply_verdict(report.hashes, verdict, now, settings, known, [&](FileRecord& record) {
    add_name(record, report.filename);
    if (report.file_type != tie::FileType::kNone)
      record.file_type = static_cast<std::uint64_t>(report.file_type);
  });
}

Outcome apply_sandbox(const tie::SandboxReport& report, std::int64_t now, const Settings& settings,
                      const Known& known) {
  Verdict verdict{.provider = tie::Provider::kAtd,
                  .level = report.trust_level,
                  .comment = {},
                  .attributes = report.attributes};
  std::sort(verdict.attributes.begin(), verdict.attributes.end());
  return apply_verdict(report.hashes, verdict, now, settings, known, [&](FileRecord& record) {
    add_name(record, report.filename);
    if (!record.details.size) record.details.size = report.size;
  });
}

}  // namespace tiara::reputation
