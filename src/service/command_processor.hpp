// Applies commands in order, as one group: engine over an overlay of what is not committed yet, one
// commit, then the cache, then the results. Owned by the writer thread; has none itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "service/commands.hpp"
#include "service/counters.hpp"
#include "service/lookup.hpp"
#include "service/recent_messages.hpp"
#include "service/write_group.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

class CommandProcessor {
 public:
  // All must outlive it.
  CommandProcessor(const LookupContext& context, store::ReputationStore& store,
                   const base::Clock& clock);

  // One result per command; those of one digest in the order of their commands. A failed commit
  // fails every command of its group and nothing is changed; commands that come before the back-off
  // is over fail without trying. Lookups are answered in any case, if the store can be read.
  std::vector<Completed> process(std::vector<Submitted> commands);

 private:
  using Found = WriteGroup::Found;
  using Applied = dxl::Result<void>;

  void apply(Submitted submitted);
  // file_commands.cpp
  Applied apply(const SetCommand& command, Completed& result);
  Applied apply(const ReportCommand& command, Completed& result);
  Applied apply(const SandboxCommand& command, Completed& result);
  Applied apply(const LookupCommand& command, Completed& result);
  Applied apply(const MetadataCommand& command, Completed& result);
  Applied apply(const AgeCommand& command, Completed& result);
  Applied set_file(const tie::SetFileReputation& set, const Actor& actor, Completed& result);
  Applied report_file(const tie::ExternalReport& report, const Actor& actor, Completed& result);
  void count_lookup(const LookupCommand& command, const Found& found, bool referenced,
                    Completed& result);
  Applied add_child(const tie::FileMetadata& metadata);
  Applied age_file(const tie::FileHashes& hashes, Completed& result);
  // certificate_commands.cpp
  Applied apply(const CertSetCommand& command, Completed& result);
  Applied apply(const CertLookupCommand& command, Completed& result);
  Applied apply(const CertMetadataCommand& command, Completed& result);
  Applied set_certificate(const tie::SetCertReputation& set, const Actor& actor, Completed& result);
  Applied age_certificate(const tie::Sha1& sha1, Completed& result);
  // batch_commands.cpp
  Applied apply(const BatchSetCommand& command, Completed& result);
  Applied apply(const BatchItemCommand& command, Completed& result);
  Applied apply_item(const tie::BatchSetItem& item, const Actor& actor, Completed& result);
  void finish_item(const BatchItemCommand& command, Completed& completed);

  Applied apply(const BarrierCommand& command, Completed& result);

  void begin_group(std::int64_t now);
  void go_on_from_store();
  void note_changes(std::int64_t second, std::size_t count);
  void make_room();
  // As this group sees them; commits first where it must.
  dxl::Result<Found> find(const tie::FileHashes& hashes, bool counts);
  Applied flush();
  Applied commit();
  void succeed(Completed completed);
  void fail(Completed completed, const std::string& why);
  void finish(Completed completed);
  bool backing_off() const;

  const LookupContext& context_;
  store::ReputationStore& store_;
  const base::Clock& clock_;
  Counters& counters_;

  WriteGroup group_;
  std::vector<Completed> waiting_;  // for the group's commit
  std::vector<Completed> results_;
  RecentMessages recent_;                  // L16
  std::int64_t last_commit_ = 0;           // a time
  std::size_t changes_in_second_ = 0;      // of last_commit_
  std::chrono::milliseconds back_off_{0};  // zero: the last commit worked
  base::SteadyTime retry_at_{};
};

}  // namespace tiara::service
