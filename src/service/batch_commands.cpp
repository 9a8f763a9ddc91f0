// Set batches: every item is a command of its own, so that an error concerns it alone; all of them
// are committed together.
#include "service/command_processor.hpp"

namespace tiara::service {

CommandProcessor::Applied CommandProcessor::apply(const BatchItemCommand&, Completed&) {
  return {};
}

CommandProcessor::Applied CommandProcessor::apply(const BatchSetCommand& command, Completed&) {
  BatchProgress& progress = *command.progress;
  progress.outcomes.resize(command.items.size());
  for (std::size_t i = 0; i < command.items.size(); ++i) {
    const tie::BatchSetItem& item = command.items[i];
    if (item.error) {
      progress.outcomes[i] = {.outcome = "refused", .reason = item.error->message};
      continue;
    }
    make_room();
    Completed part{.command = BatchItemCommand{.progress = command.progress, .index = i},
                   .time = group_.now()};
    if (backing_off()) {
      fail(std::move(part), "the store cannot be written at the moment");
    } else if (const Applied applied = apply_item(item, command.actor, part); !applied) {
      fail(std::move(part), applied.error().message);
    } else {
      waiting_.push_back(std::move(part));
    }
  }
  return {};
}

CommandProcessor::Applied CommandProcessor::apply_item(const tie::BatchSetItem& item,
                                                       const Actor& actor, Completed& result) {
  if (item.certificate) {
    return set_certificate({.certificate = *item.certificate,
                            .trust_level = item.trust_level,
                            .comment = item.comment},
                           actor, result);
  }
  if (item.provider == tie::Provider::kExternal) {
    return report_file({.hashes = item.file,
                        .trust_level = item.trust_level,
                        .file_type = item.file_type,
                        .filename = item.filename,
                        .comment = item.comment},
                       actor, result);
  }
  return set_file({.hashes = item.file,
                   .trust_level = item.trust_level,
                   .filename = item.filename,
                   .comment = item.comment},
                  actor, result);
}

void CommandProcessor::finish_item(const BatchItemCommand& command, Completed& completed) {
  tie::BatchOutcome& outcome = command.progress->outcomes[command.index];
  if (completed.failed) {
    outcome = {.outcome = "refused", .reason = "unavailable: " + completed.text};
    return;
  }
  outcome = {.outcome = completed.changed ? "changed" : "unchanged", .reason = {}};
  counters_.batch_sets.fetch_add(1);
  for (Publication& event : completed.events) command.progress->events.push_back(std::move(event));
}

}  // namespace tiara::service
