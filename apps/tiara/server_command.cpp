// `tiara server`: the TIE service alone, beside a fabric of ours or of others.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <utility>

#include "base/log.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/notify.hpp"
#include "tiara/serving.hpp"
#include "tiara/tie_server.hpp"
#include "tiara/waiting.hpp"

namespace tiara::app {
namespace {

using base::LogLevel;

int run(const ServerOptions& options, SettingSources sources, Waiting& waiting) {
  const Notifier notifier = Notifier::from_environment();
  auto server = TieServer::start(options.config, std::move(sources));
  if (!server) return report(server.error());
  (*server)->warn_of_expiry();
  fmt::print("{}\n", (*server)->ready_line());
  std::fflush(stdout);
  // A failure to reload is logged, and what was in force stays.
  serve({.reload = [&] { [[maybe_unused]] const auto done = (*server)->reload(); },
         .warn_of_expiry = [&] { (*server)->warn_of_expiry(); },
         .probe = [&] { (*server)->probe(); }},
        waiting, notifier);
  base::log_event(LogLevel::kInfo, "server", "server.stopping", "", {}, "stopping");
  notifier.stopping();
  return kExitOk;
}

}  // namespace

int run_server(const ServerOptions& options) {
  SettingSources sources = environment_sources();
  if (auto added = add_settings(options.set, sources); !added) return report(added.error());
  if (options.check_config) {
    const auto checked = TieServer::check(options.config, sources);
    if (!checked) return report(checked.error());
    fmt::print("ok\n");
    return kExitOk;
  }
  ::umask(077);
  const auto waiting = Waiting::create();
  if (!waiting) return report(waiting.error());
  base::start_log(LogLevel::kInfo);
  return run(options, std::move(sources), **waiting);
}

}  // namespace tiara::app
