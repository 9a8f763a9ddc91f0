// `tiara config import`: the plan for an original broker's configuration, carried out.
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

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
  if (broker::is_there(paths.broker_id)) {
    fmt::print(stderr, "{}: is there and stays\n", paths.broker_id.string());
    return {};
  }
  if (!broker::is_there(paths.policy))
    if (auto written = broker::write_file_atomically(paths.policy, broker::initial_policy_text());
        !written)
      return written;
  return broker::write_file_atomically(paths.broker_id, id + "\n");
}

dxl::Result<void> carry_out(const ImportPlan& plan, const ConfigOptions& options) {
  const broker::StatePaths paths(options.state);
  const std::filesystem::path topics = paths.root / "topicauth.policy";
  StateSettings defaults;
  const auto rows = setting_rows(defaults);
  if (auto free = check_free(paths.config, broker::initial_settings_text(rows), options.force);
      !free)
    return free;
  if (plan.topic_policy)
    if (auto free = check_free(topics, *plan.topic_policy, options.force); !free) return free;
  if (options.dry_run) return {};

  if (auto made = broker::make_private_directory(paths.root); !made) return made;
  if (auto written = broker::write_file_atomically(
          paths.config, broker::initial_settings_text(rows, plan.settings));
      !written)
    return written;
  if (plan.topic_policy)
    if (auto written = broker::write_file_atomically(topics, *plan.topic_policy); !written)
      return written;
  return plan.broker_id ? write_id(paths, *plan.broker_id) : dxl::Result<void>();
}

}  // namespace

int run_config_import(const ConfigOptions& options) {
  ::umask(077);
  const auto plan = plan_import(options.file);
  if (!plan) return report(plan.error());
  bool is_complete = true;
  for (const ImportNote& note : plan->notes) {
    is_complete = is_complete && note.verdict != ImportNote::Verdict::kUnsupported;
    fmt::print("{:<11} {}={}  ({}; {})\n", to_string(note.verdict), note.key, note.value, note.text,
               note.origin);
  }
  if (auto done = carry_out(*plan, options); !done) return report(done.error());
  if (options.dry_run)
    fmt::print(stderr, "nothing was written (--dry-run)\n");
  else
    fmt::print(stderr, "wrote {}\n", broker::StatePaths(options.state).config.string());
  return is_complete ? kExitOk : kExitNoEffect;
}

}  // namespace tiara::app
