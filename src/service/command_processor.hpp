// Applies commands in order, as one group: engine over an overlay of what is not committed yet, one
// commit, then the cache, then the results. Owned by the writer thread; has none itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ports.hpp"
#include "reputation/engine.hpp"
#include "service/commands.hpp"
#include "service/counters.hpp"
#include "service/lookup.hpp"
#include "service/record_cache.hpp"
#include "store/reputation_store.hpp"

namespace tiara::service {

class CommandProcessor {
 public:
  // All must outlive it.
  CommandProcessor(const LookupContext& context, store::ReputationStore& store,
                   const base::Clock& clock, Counters& counters);

  // One result per command, in order. A failed commit fails every command of its group and nothing
  // is changed; commands that come before the back-off is over fail without trying. Lookups are
  // answered in any case, if the store can be read.
  std::vector<Completed> process(std::vector<Command> commands);

 private:
  using RecordPtr = std::shared_ptr<const reputation::FileRecord>;
  struct Found {
    std::vector<RecordPtr> records;
    reputation::Known known;
    reputation::Match match;
  };

  void apply(Command command);
  void apply_set(const SetCommand& command, const Found& found, Completed& result);
  void apply_report(const ReportCommand& command, const Found& found, Completed& result);
  dxl::Result<void> apply_lookup(const LookupCommand& command, const Found& found,
                                 Completed& result);
  void count_lookup(const LookupCommand& command, const Found& found, bool referenced,
                    Completed& result);

  dxl::Result<Found> find(const tie::FileHashes& hashes) const;
  dxl::Result<std::vector<RecordPtr>> find_records(const tie::FileHashes& hashes) const;
  dxl::Result<bool> is_referenced(const Found& found, const std::string& agent) const;
  void take_over(const reputation::Outcome& outcome, tie::Provider provider, std::string_view kind,
                 Completed& result);
  AnswerValues answer_values(bool submit_metadata) const;

  void flush();
  dxl::Result<void> commit();
  void succeed(Completed completed);
  void fail(Completed completed, const std::string& why);
  bool backing_off() const;

  const LookupContext& context_;
  store::ReputationStore& store_;
  const base::Clock& clock_;
  Counters& counters_;

  // The group that is being put together.
  std::int64_t now_ = 0;
  std::map<reputation::DigestKey, RecordPtr> overlay_;
  store::Batch batch_;
  bool synced_ = false;
  std::set<std::pair<reputation::DigestKey, std::string>> new_references_;
  std::vector<Completed> group_;

  std::vector<Completed> results_;
  std::int64_t last_commit_ = 0;
  std::uint64_t change_id_ = 0;
  std::chrono::milliseconds back_off_{0};  // zero: the last commit worked
  base::SteadyTime retry_at_{};
};

}  // namespace tiara::service
