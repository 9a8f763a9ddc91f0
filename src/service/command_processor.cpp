#include "service/command_processor.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "store/agent_key.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

constexpr std::chrono::milliseconds kFirstBackOff{100};
constexpr std::chrono::milliseconds kLongestBackOff{5'000};

// Whether applying a message with these digests may give a record another strongest digest, or
// make one record of several: its references then move (docs/store.md).
bool may_move_references(const tie::FileHashes& supplied, const reputation::Match& match,
                         const std::vector<const FileRecord*>& records) {
  if (!match.main) return false;
  if (!match.joins.empty()) return true;
  return strongest_key(supplied).type() > strongest_key(records[*match.main]->hashes).type();
}

}  // namespace

CommandProcessor::CommandProcessor(const LookupContext& context, store::ReputationStore& store,
                                   const base::Clock& clock, Counters& counters)
    : context_(context),
      store_(store),
      clock_(clock),
      counters_(counters),
      change_id_(store.last_change_id()) {}

std::vector<Completed> CommandProcessor::process(std::vector<Command> commands) {
  results_.clear();
  // Never backwards, whatever the wall clock does: consumers roll by these times.
  now_ = std::max(clock_.epoch_seconds(), last_commit_);
  for (Command& command : commands) apply(std::move(command));
  flush();
  return std::exchange(results_, {});
}

void CommandProcessor::apply(Command command) {
  if (backing_off()) {
    fail(Completed{.command = std::move(command)}, "the store cannot be written at the moment");
    return;
  }
  dxl::Result<Found> found = find(hashes_of(command));
  if (found && !batch_.empty() &&
      may_move_references(hashes_of(command), found->match, found->known.records)) {
    // What the store counts and moves must include what this group has added so far.
    flush();
    found = find(hashes_of(command));
  }
  Completed result{.command = std::move(command), .time = now_};
  if (!found) {
    fail(std::move(result), found.error().message);
    return;
  }
  if (const auto* set = std::get_if<SetCommand>(&result.command)) {
    apply_set(*set, *found, result);
  } else if (const auto* report = std::get_if<ReportCommand>(&result.command)) {
    apply_report(*report, *found, result);
  } else if (const auto done =
                 apply_lookup(std::get<LookupCommand>(result.command), *found, result);
             !done) {
    fail(std::move(result), done.error().message);
    return;
  }
  group_.push_back(std::move(result));
  // The store alone knows which references have moved: what follows must see them where they are.
  if (!batch_.moves.empty()) flush();
}

void CommandProcessor::apply_set(const SetCommand& command, const Found& found, Completed& result) {
  const tie::SetFileReputation& set = command.set;
  take_over(reputation::apply_set(set.hashes, set.trust_level, set.filename, set.comment, now_,
                                  found.known),
            tie::Provider::kEnterprise, "enterprise", result);
  synced_ = true;
}

void CommandProcessor::apply_report(const ReportCommand& command, const Found& found,
                                    Completed& result) {
  take_over(reputation::apply_external(command.report, now_, context_.settings.get(), found.known),
            tie::Provider::kExternal, "external", result);
  synced_ = true;
}

dxl::Result<void> CommandProcessor::apply_lookup(const LookupCommand& command, const Found& found,
                                                 Completed& result) {
  const bool counts = !command.agent.empty();
  if (!command.answered) {
    const std::optional<FileRecord> record =
        merge_matched(found.match, found.known.records, found.known.joined_references);
    tie::append_reputations(
        make_answer(record ? &*record : nullptr, context_.basis, answer_values(counts)),
        result.text);
  }
  if (!counts || command.agent.size() > store::kMaxAgentBytes) return {};
  const dxl::Result<bool> referenced = is_referenced(found, command.agent);
  if (!referenced) return dxl::fail(referenced.error());
  count_lookup(command, found, *referenced, result);
  return {};
}

void CommandProcessor::count_lookup(const LookupCommand& command, const Found& found,
                                    bool referenced, Completed& result) {
  const reputation::LookupOutcome counted = reputation::apply_endpoint_lookup(
      command.hashes, now_, !referenced, context_.enterprise_size(), context_.settings.get(),
      found.known);
  // A lookup changes levels only by merging records that were known apart (§6.10 rule 5).
  take_over(counted.outcome, tie::Provider::kEnterprise, "merge", result);
  const FileRecord& record = counted.record;
  if (!referenced) {
    batch_.references.push_back(
        store::Batch::Reference{.subject = record.hashes, .agent = command.agent, .time = now_});
    new_references_.emplace(strongest_key(record.hashes), store::agent_key(command.agent));
  }
  if (counted.first_instance) {
    Publication event{.topic = tie::kTopicFileFirstInstance, .payload = {}};
    tie::append_first_instance(record.hashes, command.agent,
                               record.names.empty() ? std::string_view() : record.names.front(),
                               event.payload);
    result.events.push_back(std::move(event));
  }
  if (counted.prevalence) {
    Publication event{.topic = tie::kTopicFilePrevalence, .payload = {}};
    tie::append_prevalence(record.hashes, command.agent, now_, record.reference_count,
                           record.prevalent, event.payload);
    result.events.push_back(std::move(event));
  }
}

// The records as this group sees them: its own changes, else the cache, else the store.
dxl::Result<std::vector<CommandProcessor::RecordPtr>> CommandProcessor::find_records(
    const tie::FileHashes& hashes) const {
  std::vector<RecordPtr> records;
  std::optional<std::vector<FileRecord>> stored;
  for (const DigestKey& digest : DigestKeys(hashes)) {
    RecordPtr record;
    if (const auto changed = overlay_.find(digest); changed != overlay_.end()) {
      record = changed->second;
    } else if (const auto cached = context_.cache.find(digest)) {
      if (*cached) record = RecordPtr(*cached, &(*cached)->record);
    } else {
      if (!stored) {
        dxl::Result<std::vector<FileRecord>> read = store_.find(hashes);
        if (!read) return dxl::fail(read.error());
        stored = std::move(*read);
      }
      const auto holder = std::find_if(
          stored->begin(), stored->end(),
          [&digest](const FileRecord& candidate) { return has_digest(candidate.hashes, digest); });
      if (holder != stored->end()) record = std::make_shared<const FileRecord>(*holder);
    }
    const bool known = record && std::any_of(records.begin(), records.end(), [&](const auto& r) {
                         return strongest_key(r->hashes) == strongest_key(record->hashes);
                       });
    if (record && !known) records.push_back(std::move(record));
  }
  return records;
}

dxl::Result<CommandProcessor::Found> CommandProcessor::find(const tie::FileHashes& hashes) const {
  Found found;
  dxl::Result<std::vector<RecordPtr>> records = find_records(hashes);
  if (!records) return dxl::fail(records.error());
  found.records = std::move(*records);
  for (const RecordPtr& record : found.records) found.known.records.push_back(record.get());
  found.match = reputation::match_records(hashes, found.known.records);
  const auto joined = count_joined(store_, found.match, found.known.records);
  if (!joined) return dxl::fail(joined.error());
  found.known.joined_references = *joined;
  return found;
}

dxl::Result<bool> CommandProcessor::is_referenced(const Found& found,
                                                  const std::string& agent) const {
  std::vector<std::size_t> subjects = found.match.joins;
  if (found.match.main) subjects.push_back(*found.match.main);
  for (const std::size_t index : subjects) {
    const tie::FileHashes& hashes = found.known.records[index]->hashes;
    if (new_references_.contains({strongest_key(hashes), store::agent_key(agent)})) return true;
    const dxl::Result<bool> stored = store_.has_reference(hashes, agent);
    if (!stored || *stored) return stored;
  }
  return false;
}

AnswerValues CommandProcessor::answer_values(bool submit_metadata) const {
  return AnswerValues{.now = now_,
                      .enterprise_size = context_.enterprise_size(),
                      .submit_metadata = submit_metadata};
}

void CommandProcessor::take_over(const reputation::Outcome& outcome, tie::Provider provider,
                                 std::string_view kind, Completed& result) {
  for (const FileRecord& record : outcome.store) {
    const auto shared = std::make_shared<const FileRecord>(record);
    for (const DigestKey& digest : DigestKeys(record.hashes)) overlay_[digest] = shared;
    batch_.put.push_back(record);
  }
  for (const auto& move : outcome.moves)
    batch_.moves.push_back(store::Batch::Move{.from = move.from, .to = move.to});
  for (const reputation::Change& change : outcome.events) {
    tie::FileReputationChange event;
    event.hashes = change.after.hashes;
    event.old_reputations = make_answer(change.before ? &*change.before : nullptr, context_.basis,
                                        answer_values(false));
    event.new_reputations = make_answer(&change.after, context_.basis, answer_values(false));
    event.update_time = now_;
    std::string payload;
    tie::append_file_change(event,
                            {.change_id = ++change_id_,
                             .cause_provider = static_cast<std::int32_t>(provider),
                             .cause_kind = kind},
                            payload);
    batch_.change_id = change_id_;
    synced_ = true;  // an id that was published must not be given out again
    // Identical on both topics (L15).
    result.events.push_back({.topic = tie::kTopicFileChangeBroadcast, .payload = payload});
    result.events.push_back({.topic = tie::kTopicFileChange, .payload = std::move(payload)});
    result.changed = true;
  }
  if (outcome.conflict) counters_.digest_conflicts.fetch_add(1);
}

void CommandProcessor::flush() {
  const dxl::Result<void> committed = commit();
  std::vector<Completed> group = std::exchange(group_, {});
  overlay_.clear();
  batch_ = {};
  synced_ = false;
  new_references_.clear();
  for (Completed& completed : group) {
    if (committed) {
      succeed(std::move(completed));
    } else {
      fail(std::move(completed), committed.error().message);
    }
  }
}

dxl::Result<void> CommandProcessor::commit() {
  if (batch_.empty()) return {};
  dxl::Result<void> committed =
      store_.commit(batch_, synced_ ? store::Durability::kSynced : store::Durability::kBuffered);
  if (!committed) {
    back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
    retry_at_ = clock_.now() + back_off_;
    change_id_ = store_.last_change_id();
    counters_.store_works = false;
    base::log_event(
        base::LogLevel::kError, "tie", "store.failed", "", {},
        fmt::format("cannot write to the store: {}; {} commands refused, next try in {} ms",
                    committed.error().message, group_.size(), back_off_.count()));
    return committed;
  }
  if (back_off_.count() != 0) {
    base::log_event(base::LogLevel::kInfo, "tie", "store.recovered", "", {},
                    "the store can be written again");
  }
  back_off_ = {};
  counters_.store_works = true;
  last_commit_ = now_;
  std::vector<CachedRecordPtr> changed;
  for (const auto& [digest, record] : overlay_) {
    if (digest == strongest_key(record->hashes))
      changed.push_back(std::make_shared<const CachedRecord>(*record, context_.basis));
  }
  context_.cache.update(changed);
  return committed;
}

void CommandProcessor::succeed(Completed completed) {
  for (const Publication& event : completed.events)
    if (event.topic == tie::kTopicFileChangeBroadcast) counters_.change_events.fetch_add(1);
  if (std::holds_alternative<SetCommand>(completed.command)) counters_.sets.fetch_add(1);
  if (std::holds_alternative<ReportCommand>(completed.command))
    (completed.changed ? counters_.reports_accepted : counters_.reports_unchanged).fetch_add(1);
  results_.push_back(std::move(completed));
}

// Nothing of the command was stored. A lookup needs no write, so it is answered all the same.
void CommandProcessor::fail(Completed completed, const std::string& why) {
  completed.failed = true;
  completed.changed = false;
  completed.events.clear();
  completed.text = why;
  if (const auto* lookup = std::get_if<LookupCommand>(&completed.command)) {
    if (!lookup->answered) {
      dxl::Result<std::string> answer =
          answer_lookup(context_, lookup->hashes, now_, !lookup->agent.empty());
      completed.failed = !answer;
      completed.text = answer ? std::move(*answer) : answer.error().message;
    }
  } else if (std::holds_alternative<ReportCommand>(completed.command)) {
    counters_.reports_unavailable.fetch_add(1);
  }
  results_.push_back(std::move(completed));
}

bool CommandProcessor::backing_off() const {
  return back_off_.count() != 0 && clock_.now() < retry_at_;
}

}  // namespace tiara::service
