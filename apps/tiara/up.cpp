// `tiara up`: broker and TIE service in one process, on one state directory.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <utility>

#include "base/log.hpp"
#include "tiara/check_config.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/notify.hpp"
#include "tiara/server.hpp"
#include "tiara/serving.hpp"
#include "tiara/waiting.hpp"

namespace tiara::app {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

// A connection is a descriptor, and distributions start processes with 1,024 of them.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// What the command line sets, above the environment.
dxl::Result<SettingSources> setting_sources(const UpOptions& options) {
  SettingSources sources = environment_sources();
  if (auto added = add_settings(options.set, sources); !added) return dxl::fail(added.error());
  const auto add = [&sources](std::string_view name, std::string text, std::string_view flag) {
    sources.arguments.push_back({std::string(name), std::move(text), std::string(flag)});
  };
  if (!options.listen.empty())
    add("listen.addresses", fmt::format("{}", fmt::join(options.listen, ",")), "--listen");
  if (options.port) add("listen.port", std::to_string(*options.port), "--port");
  if (options.web_socket_port)
    add("listen.ws_port", std::to_string(*options.web_socket_port), "--ws-port");
  if (options.https_port)
    add("listen.https_port", std::to_string(*options.https_port), "--https-port");
  if (options.threads) add("broker.threads", std::to_string(*options.threads), "--threads");
  return sources;
}

int start_failure(const dxl::Error& error) {
  if (error.code == ErrorCode::kInUse)
    return report({error.code, error.message + "; is `tiara up` running on this state already?"});
  return report(error);
}

int check_only(const UpOptions& options) {
  const auto sources = setting_sources(options);
  if (!sources) return report(sources.error());
  return print_check(broker::StatePaths(options.state), *sources);
}

}  // namespace

int run_up(const UpOptions& options) {
  if (options.check_config) return check_only(options);
  ::umask(077);
  raise_descriptor_limit();
  const auto waiting = Waiting::create();
  if (!waiting) return report(waiting.error());
  base::start_log(LogLevel::kInfo);
  const Notifier notifier = Notifier::from_environment();
  int code = kExitOk;
  {
    auto sources = setting_sources(options);
    auto server = sources ? Server::start(options.state, *std::move(sources), options.service)
                          : dxl::fail(sources.error());
    if (!server) {
      code = start_failure(server.error());
    } else {
      (*server)->log_ready();
      (*server)->warn_of_expiry();
      fmt::print("{}\n", (*server)->ready_line());
      std::fflush(stdout);
      // A failure to reload is logged, and what was in force stays.
      serve({.reload = [&] { [[maybe_unused]] const auto done = (*server)->reload(); },
             .warn_of_expiry = [&] { (*server)->warn_of_expiry(); },
             .probe = [&] { (*server)->probe(); }},
            **waiting, notifier);
      base::log_event(LogLevel::kInfo, "up", "server.stopping", "", {}, "stopping");
      notifier.stopping();
    }
  }
  return code;
}

}  // namespace tiara::app
