#include "service/command_processor.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/kill_point.hpp"
#include "base/log.hpp"

namespace tiara::service {
namespace {

constexpr std::chrono::milliseconds kFirstBackOff{100};
constexpr std::chrono::milliseconds kLongestBackOff{5'000};
// A page of updates is cut between whole seconds (L22) and may hold two of any size; an answer has
// room for twice as many.
constexpr std::size_t kChangesPerSecond = 6'000;
// A store whose changes are further ahead was written under a wrong clock, which is not followed.
constexpr std::int64_t kMostAhead = 24 * 60 * 60;

// What names the message that must be applied once only, whatever way it comes; empty: each is its
// own. Kind and sender belong to it: nobody can use up the id of another's message.
std::string message_of(const Command& command) {
  std::string_view sender, id;
  std::visit(
      [&](const auto& each) {
        if constexpr (requires { each.message_id; }) {
          sender = each.sender;
          id = each.message_id;
        }
      },
      command);
  if (id.empty()) return {};
  return fmt::format("{} {} {}", command.index(), sender, id);
}

}  // namespace

CommandProcessor::CommandProcessor(const LookupContext& context, store::ReputationStore& store,
                                   const base::Clock& clock)
    : context_(context),
      store_(store),
      clock_(clock),
      counters_(context.counters),
      group_(context, store) {
  go_on_from_store();
}

// What was committed before may lie in the present second or, after crowded ones or since the clock
// was set back, in later ones: consumers go on from what they have seen.
void CommandProcessor::go_on_from_store() {
  const std::int64_t now = clock_.epoch_seconds();
  const auto read = store_.read_updates(now, [&](const store::Batch::Update& update) {
    if (update.time - now > kMostAhead) return false;
    note_changes(update.time, 1);
    return true;
  });
  if (!read) base::log(base::LogLevel::kError, "tie", "updates: {}", read.error().message);
  if (last_commit_ > now) {
    base::log(base::LogLevel::kWarning, "tie",
              "the clock is {} s behind the newest change in the store; changes get its time until "
              "the clock has caught up",
              last_commit_ - now);
  }
}

std::vector<Completed> CommandProcessor::process(std::vector<Submitted> commands) {
  results_.clear();
  begin_group(clock_.epoch_seconds());
  for (Submitted& submitted : commands) apply(std::move(submitted));
  static_cast<void>(flush());
  return std::exchange(results_, {});
}

// Never backwards, whatever the wall clock does: consumers roll by these times.
void CommandProcessor::begin_group(std::int64_t now) {
  now = std::max(now, last_commit_);
  const bool is_full = now == last_commit_ && changes_in_second_ >= kChangesPerSecond;
  group_.begin(is_full ? now + 1 : now);
}

void CommandProcessor::note_changes(std::int64_t second, std::size_t count) {
  if (second != last_commit_) changes_in_second_ = 0;
  last_commit_ = second;
  changes_in_second_ += count;
}

// Before each change: goes on in the next second if this one is full.
void CommandProcessor::make_room() {
  const std::size_t before = group_.now() == last_commit_ ? changes_in_second_ : 0;
  if (before + group_.batch().updates.size() >= kChangesPerSecond) static_cast<void>(flush());
}

void CommandProcessor::apply(Submitted submitted) {
  make_room();
  Completed result{
      .command = std::move(submitted.command), .origin = submitted.origin, .time = group_.now()};
  if (const auto before = recent_.find(message_of(result.command))) {
    result.repeated = true;
    result.changed = before->changed;
    result.time = before->time;
    waiting_.push_back(std::move(result));
    return;
  }
  // A batch answers for its items one by one and judges them itself.
  if (backing_off() && !std::holds_alternative<BatchSetCommand>(result.command))
    return fail(std::move(result), "the store cannot be written at the moment");
  const Applied applied =
      std::visit([&](const auto& each) { return apply(each, result); }, result.command);
  if (!applied) return fail(std::move(result), applied.error().message);
  // Known from now on, so that its repetition in the same group is one; forgotten if it fails.
  result.time = group_.now();
  recent_.add(message_of(result.command), {.changed = result.changed, .time = result.time});
  waiting_.push_back(std::move(result));
}

CommandProcessor::Applied CommandProcessor::apply(const BarrierCommand&, Completed&) { return {}; }

dxl::Result<CommandProcessor::Found> CommandProcessor::find(const tie::FileHashes& hashes,
                                                            bool counts) {
  dxl::Result<Found> found = group_.find(hashes);
  if (!found || !group_.needs_commit_before(hashes, *found, counts)) return found;
  if (Applied flushed = flush(); !flushed) return dxl::fail(flushed.error());
  return group_.find(hashes);
}

CommandProcessor::Applied CommandProcessor::flush() {
  const Applied committed = commit();
  std::vector<Completed> waiting = std::exchange(waiting_, {});
  begin_group(group_.now());
  for (Completed& completed : waiting) {
    if (committed) {
      succeed(std::move(completed));
    } else {
      recent_.remove(message_of(completed.command));
      fail(std::move(completed), committed.error().message);
    }
  }
  return committed;
}

CommandProcessor::Applied CommandProcessor::commit() {
  if (group_.batch().empty()) return {};
  const base::SteadyTime began = clock_.now();
  TIARA_KILL_POINT("service.commit.before");
  Applied committed = store_.commit(group_.batch(), group_.durability());
  TIARA_KILL_POINT("service.commit.after");
  counters_.commit_times.add(clock_.now() - began);
  if (!committed) {
    back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
    retry_at_ = clock_.now() + back_off_;
    counters_.store_works = false;
    base::log_event(
        base::LogLevel::kError, "tie", "store.failed", "", {},
        fmt::format("cannot write to the store: {}; {} commands refused, next try in {} ms",
                    committed.error().message, waiting_.size(), back_off_.count()));
    return committed;
  }
  if (back_off_.count() != 0) {
    base::log_event(base::LogLevel::kInfo, "tie", "store.recovered", "", {},
                    "the store can be written again");
  }
  back_off_ = {};
  counters_.store_works = true;
  note_changes(group_.now(), group_.batch().updates.size());
  context_.cache.update(group_.cached_records(), group_.purged());
  TIARA_KILL_POINT("service.cache.after");
  return committed;
}

void CommandProcessor::succeed(Completed completed) {
  for (const Publication& event : completed.events) counters_.count_event(event.topic);
  if (!completed.repeated) {
    const Command& command = completed.command;
    if (std::holds_alternative<SetCommand>(command) ||
        std::holds_alternative<CertSetCommand>(command))
      counters_.sets.fetch_add(1);
    if (std::holds_alternative<ReportCommand>(command))
      (completed.changed ? counters_.reports_accepted : counters_.reports_unchanged).fetch_add(1);
    if (std::holds_alternative<SandboxCommand>(command)) counters_.sandbox_reports.fetch_add(1);
    if (std::holds_alternative<MetadataCommand>(command) ||
        std::holds_alternative<CertMetadataCommand>(command))
      counters_.metadata.fetch_add(1);
  }
  finish(std::move(completed));
}

void CommandProcessor::finish(Completed completed) {
  if (const auto* item = std::get_if<BatchItemCommand>(&completed.command))
    return finish_item(*item, completed);
  if (const auto* batch = std::get_if<BatchSetCommand>(&completed.command)) {
    // Its items have been judged one by one, some of them perhaps in an earlier commit.
    completed.failed = false;
    completed.text.clear();
    tie::append_batch_outcomes(batch->progress->outcomes, completed.text);
    completed.events = std::move(batch->progress->events);
  }
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
          answer_file(context_, lookup->hashes, group_.now(), !lookup->agent.empty());
      completed.failed = !answer;
      completed.text = answer ? std::move(*answer) : answer.error().message;
    }
  } else if (std::holds_alternative<ReportCommand>(completed.command)) {
    counters_.reports_unavailable.fetch_add(1);
  } else if (std::holds_alternative<BarrierCommand>(completed.command)) {
    completed.failed = false;  // nothing is left to wait for
  }
  finish(std::move(completed));
}

bool CommandProcessor::backing_off() const {
  return back_off_.count() != 0 && clock_.now() < retry_at_;
}

}  // namespace tiara::service
