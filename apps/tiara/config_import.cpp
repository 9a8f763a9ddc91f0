// `tiara config import`: the plan for an original broker's configuration, carried out.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/printable.hpp"
#include "broker/policy_file.hpp"
#include "broker/state_directory.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/original_config.hpp"
#include "tiara/state_settings.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

// A file with content of its own is replaced only by force.
dxl::Result<void> check_free(const std::filesystem::path& file, std::string_view harmless,
                             bool force) {
  if (force || !broker::is_there(file)) return {};
  const auto text = broker::read_file(file);
  if (text && *text == harmless) return {};
  return dxl::fail(
      ErrorCode::kConfiguration,
      fmt::format("{}: is there and would be replaced; --force does it", file.string()));
}

// A state that is new gets its policy together with its id, as a first start would make them.
dxl::Result<void> write_id(const broker::StatePaths& paths, const std::string& id) {
  if (broker::is_there(paths.broker_id)) return {};
  if (!broker::is_there(paths.policy))
    if (auto written = broker::write_file_atomically(paths.policy, broker::initial_policy_text());
        !written)
      return written;
  return broker::write_file_atomically(paths.broker_id, id + "\n");
}

// Before anything is said or written.
dxl::Result<void> check_all_free(const ImportPlan& plan, const broker::StatePaths& paths,
                                 bool force) {
  if (auto free = check_free(paths.config, initial_state_settings_text(), force); !free)
    return free;
  if (!plan.topic_policy) return {};
  return check_free(paths.topicauth, *plan.topic_policy, force);
}

dxl::Result<void> carry_out(const ImportPlan& plan, const broker::StatePaths& paths) {
  StateSettings defaults;
  const std::string settings = broker::initial_settings_text(setting_rows(defaults), plan.settings);
  if (auto made = broker::make_private_directory(paths.root); !made) return made;
  if (auto written = broker::write_file_atomically(broker::follow_link(paths.config), settings);
      !written)
    return written;
  if (plan.topic_policy)
    if (auto written =
            broker::write_file_atomically(broker::follow_link(paths.topicauth), *plan.topic_policy);
        !written)
      return written;
  return plan.broker_id ? write_id(paths, *plan.broker_id) : dxl::Result<void>();
}

// A state keeps the id it has.
void keep_id(ImportPlan& plan, const broker::StatePaths& paths) {
  if (!plan.broker_id || !broker::is_there(paths.broker_id)) return;
  for (ImportNote& note : plan.notes)
    if (note.key == "brokerId" && note.verdict == ImportNote::Verdict::kTaken) {
      note.verdict = ImportNote::Verdict::kIgnored;
      note.text = paths.broker_id.string() + " is there and stays";
    }
}

void print_plan(const ImportPlan& plan, const broker::StatePaths& paths) {
  using base::printable;
  for (const ImportNote& note : plan.notes)
    fmt::print("{:<11} {}={}  ({}; {})\n", to_string(note.verdict), printable(note.key),
               printable(note.value), printable(note.text), printable(note.origin));
  for (const std::string& warning : plan.warnings)
    fmt::print(stderr, "tiara: warning: {}\n", printable(warning));
  if (plan.topic_policy) return;
  if (broker::is_there(paths.topicauth))
    fmt::print(stderr, "tiara: warning: no topic policy imported: {} stays\n",
               paths.topicauth.string());
  else
    fmt::print(stderr,
               "tiara: warning: no topic policy imported: every client may send and receive "
               "everything the built-in rules allow; policyTopicAuthStateFile names the file that "
               "is looked for\n");
}

}  // namespace

int run_config_import(const ConfigOptions& options) {
  ::umask(077);
  const broker::StatePaths paths(options.state);
  auto plan = plan_import(options.file);
  if (!plan) return report(plan.error());
  if (auto free = check_all_free(*plan, paths, options.force); !free) return report(free.error());
  keep_id(*plan, paths);
  if (!options.dry_run)
    if (auto done = carry_out(*plan, paths); !done) return report(done.error());
  print_plan(*plan, paths);
  if (options.dry_run)
    fmt::print(stderr, "nothing was written (--dry-run)\n");
  else
    fmt::print(stderr, "wrote {}\n", paths.config.string());
  const bool is_complete = std::none_of(
      plan->notes.begin(), plan->notes.end(),
      [](const ImportNote& note) { return note.verdict == ImportNote::Verdict::kUnsupported; });
  return is_complete ? kExitOk : kExitNoEffect;
}

}  // namespace tiara::app
