#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "base/log.hpp"
#include "tiara/command_line.hpp"
#include "tiara/commands.hpp"

namespace {

using namespace tiara::app;

struct Run {
  const CommonOptions& common;
  int operator()(const UpOptions& options) const { return run_up(options); }
  int operator()(const ServerOptions& options) const { return run_server(options); }
  int operator()(const StoreOptions& options) const { return run_store(common, options); }
  int operator()(const AuditOptions& options) const { return run_audit(common, options); }
  int operator()(const ProvisionOptions& options) const { return run_provision(options); }
  int operator()(const ClientOptions& options) const { return run_client(common, options); }
  int operator()(const ConfigOptions& options) const { return run_config(common, options); }
  int operator()(const StatusOptions& options) const { return run_status(options); }
  int operator()(const ReloadOptions& options) const { return run_reload(options); }
  int operator()(const RepGetOptions& options) const { return run_rep_get(common, options); }
  int operator()(const RepSetOptions& options) const { return run_rep_set(common, options); }
  int operator()(const RepExternalOptions& options) const {
    return run_rep_external(common, options);
  }
  int operator()(const CertAuthorityOptions& options) const {
    return run_cert_authority(common, options);
  }
  int operator()(const WatchOptions& options) const { return run_watch(common, options); }
  int operator()(const AuthOptions& options) const { return run_auth(common, options); }
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer or a reader that goes away is an error, not the end
  std::signal(SIGXFSZ, SIG_IGN);  // a full quota is a failed write: exit code 8
  const auto parsed = parse_command_line(std::vector<std::string>(argv + (argc > 0), argv + argc));
  if (const auto* exit = std::get_if<EarlyExit>(&parsed)) {
    std::fputs(exit->out.c_str(), stdout);
    std::fputs(exit->err.c_str(), stderr);
    return exit->code;
  }
  const CommandLine& line = std::get<CommandLine>(parsed);
  const int code = std::visit(Run{line.common}, line.command);
  if (!tiara::base::stop_log()) {
    std::fflush(stdout);
    ::_exit(code);
  }
  return code;
}
