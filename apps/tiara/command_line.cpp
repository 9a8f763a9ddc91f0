#include "tiara/command_line.hpp"

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <utility>

#include "broker/broker.hpp"
#include "tiara/auth_arguments.hpp"
#include "tiara/client_arguments.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/fabric_arguments.hpp"
#include "tiara/store_arguments.hpp"

namespace tiara::app {
namespace {

// Everything CLI11 writes into; it keeps references, so it lives as long as the parser.
struct Parsed {
  CommonOptions common;
  double timeout_seconds = 0;
  UpOptions up;
  ServerOptions server;
  StoreOptions store;
  AuditOptions audit;
  ProvisionOptions provision;
  ClientOptions client;
  ConfigOptions config;
  StatusOptions status;
  ReloadOptions reload;
  RepGetOptions get;
  RepSetOptions set;
  RepExternalOptions external;
  WatchOptions watch;
  AuthOptions auth;
  CertAuthorityOptions authority;
  std::optional<Command> command;
};

constexpr std::uint64_t kMostChanges =
    1'000'000'000;  // to wait for: short in a message, and enough

constexpr const char* kGroupsHelp =
    "Named group, may be repeated: \"TIE Server Set External Reputation\", \"TIE Server Set "
    "Enterprise Reputation\", \"TIE Server Report Sandbox Reputation\", \"TIE Server\", \"Tiara "
    "Administrators\", or one that STATE/authorization.toml declares";
constexpr const char* kTargetsHelp =
    "Files, or digests: 32 (MD5), 40 (SHA-1) or 64 (SHA-256) hexadecimal digits";
constexpr const char* kCommonHelp =
    "Also takes --config FILE, --json and --timeout SECONDS; see tiara --help.\n";
constexpr const char* kLevelHelp =
    "Trust level, number or name: NOT_SET 0, KNOWN_MALICIOUS 1, MOST_LIKELY_MALICIOUS 15, "
    "MIGHT_BE_MALICIOUS 30, UNKNOWN 50, MIGHT_BE_TRUSTED 70, MOST_LIKELY_TRUSTED 85, "
    "KNOWN_TRUSTED 99, KNOWN_TRUSTED_INSTALLER 100";

void add_up(CLI::App& app, Parsed& parsed) {
  CLI::App* up = app.add_subcommand("up", "Run a broker and a TIE service on a state directory");
  up->add_option("--state", parsed.up.state, "State directory; created at the first start")
      ->required();
  up->add_option("--listen", parsed.up.listen,
                 "Address to listen on, may be repeated (default: 127.0.0.1 and ::1)")
      ->allow_extra_args(false);
  up->add_option("--port", parsed.up.port,
                 "MQTT over TLS; 0 lets the kernel choose (default: listen.port of "
                 "STATE/tiara.toml, 8883)")
      ->check(CLI::Range(0, 65535));
  up->add_option("--ws-port", parsed.up.web_socket_port,
                 "MQTT over WebSockets over TLS; 0 lets the kernel choose (default: listen.ws_port "
                 "of STATE/tiara.toml, 8884)")
      ->check(CLI::Range(0, 65535));
  up->add_option("--https-port", parsed.up.https_port,
                 "Management HTTPS: provisioning, health; 0 lets the kernel choose (default: "
                 "listen.https_port of STATE/tiara.toml, 8443)")
      ->check(CLI::Range(0, 65535));
  up->add_option("--threads", parsed.up.threads,
                 "I/O threads (default: broker.threads of STATE/tiara.toml, 1)")
      ->check(CLI::Range(1U, broker::kMaxThreads));
  up->add_option("--set", parsed.up.set,
                 "KEY=VALUE of STATE/tiara.toml, for this run; may be repeated")
      ->allow_extra_args(false);
  up->add_flag("--check-config", parsed.up.check_config,
               "Read the whole configuration, say \"ok\" or what is wrong (exit 2), start nothing");
  up->add_flag("!--no-service", parsed.up.service, "Broker only: no TIE service in this process");
  up->footer(
      "When everything listens, stdout gets one line: ready mqtts://HOST:PORT wss://HOST:PORT\n"
      "https://HOST:PORT. STATE/clients/admin is a client in every group; STATE/admin.token is "
      "the\n"
      "password of user admin at the management port. SIGTERM stops, SIGHUP reloads settings,\n"
      "policy, certificates, CRLs and the list of revoked certificates. A setting also comes "
      "from\n"
      "its variable: limits.connections from TIARA_LIMITS_CONNECTIONS.\n"
      "\nExamples:\n"
      "  tiara up --state ~/fabric\n"
      "  tiara up --state ~/fabric --listen 0.0.0.0 --port 8883\n"
      "  tiara up --state ~/fabric --set limits.connections=5000 --check-config\n");
  up->callback([&parsed] { parsed.command = parsed.up; });
}

void add_provision(CLI::App& app, Parsed& parsed) {
  CLI::App* provision =
      app.add_subcommand("provision", "Issue a certificate and write a client's configuration");
  provision->add_option("DIR", parsed.provision.directory, "Directory to write the client into")
      ->required();
  provision->add_option("--state", parsed.provision.state, "State directory of `tiara up`")
      ->required();
  provision->add_option("--name", parsed.provision.name, "Common name of the certificate")
      ->required();
  provision->add_option("--group", parsed.provision.groups, kGroupsHelp)->allow_extra_args(false);
  provision->add_option("--host", parsed.provision.host,
                        "Host name of the broker for this client (default: localhost)");
  provision->add_flag(
      "--force", parsed.provision.force,
      "Replace a client that is there; its old certificate loses its groups, which the "
      "new one has unless --group names others");
  provision->footer(
      "A running broker is told, and has confirmed the new policy when the command returns.\n"
      "\nExamples:\n"
      "  tiara provision ./reader --state ~/fabric --name reader\n"
      "  tiara provision ./scanner --state ~/fabric --name scanner \\\n"
      "      --group 'TIE Server Set External Reputation'\n");
  provision->callback([&parsed] { parsed.command = parsed.provision; });
}

void add_rep_get(CLI::App& rep, Parsed& parsed) {
  CLI::App* get = rep.add_subcommand("get", "Show the reputations of files");
  get->add_option("FILE|HASH", parsed.get.targets, kTargetsHelp)->required();
  get->footer(std::string(kCommonHelp) +
              "With --json: an object, for several arguments an array of objects.\n"
              "\nExamples:\n"
              "  tiara rep get setup.exe\n"
              "  tiara --json rep get 44d88612fea8a8f36de82e1278abb02f\n");
  get->callback([&parsed] { parsed.command = parsed.get; });
}

void add_rep_set(CLI::App& rep, Parsed& parsed) {
  CLI::App* set = rep.add_subcommand("set", "Set the Enterprise reputation of files");
  set->add_option("LEVEL", parsed.set.level, kLevelHelp)->required();
  set->add_option("FILE|HASH", parsed.set.targets, kTargetsHelp)->required();
  set->add_option("--filename", parsed.set.filename, "Name to store (default: the file's own)");
  set->add_option("--comment", parsed.set.comment, "Why");
  set->footer(
      std::string(kCommonHelp) +
      "Needs the group \"TIE Server Set Enterprise Reputation\". NOT_SET removes the override.\n"
      "\nExamples:\n"
      "  tiara rep set KNOWN_TRUSTED setup.exe --comment 'built by us'\n"
      "  tiara rep set 1 44d88612fea8a8f36de82e1278abb02f\n");
  set->callback([&parsed] { parsed.command = parsed.set; });
}

void add_rep_external(CLI::App& rep, Parsed& parsed) {
  CLI::App* external =
      rep.add_subcommand("external", "Report an External reputation, if no other provider has one");
  external->add_option("FILE|HASH", parsed.external.targets, kTargetsHelp)->required();
  external->add_option("--level", parsed.external.level, kLevelHelp)->required();
  external->add_option("--type", parsed.external.type,
                       "File type, number or name such as PEEXE (default: detected)");
  external->add_option("--filename", parsed.external.filename,
                       "Name to report (default: the file's own)");
  external->add_option("--comment", parsed.external.comment, "Why");
  external->add_flag("--force", parsed.external.force,
                     "Report even if another provider has a definitive reputation");
  external->footer(
      std::string(kCommonHelp) +
      "Needs the group \"TIE Server Set External Reputation\". Exit code 1: another provider has "
      "a\n"
      "definitive reputation, nothing was sent; 5: not authorised; 6: no answer, the report may be "
      "lost;\n"
      "7: refused, or the service has not seen the report. An original service never tells: 0.\n"
      "\nExamples:\n"
      "  tiara rep external random.exe --level MIGHT_BE_TRUSTED\n"
      "  tiara rep external dropper.js --level 30 --comment 'sandbox run 4711' --json\n");
  external->callback([&parsed] { parsed.command = parsed.external; });
}

void add_watch(CLI::App& app, Parsed& parsed) {
  CLI::App* watch = app.add_subcommand("watch", "Print each reputation change as one line");
  watch->add_option("--count", parsed.watch.count, "Stop after so many changes")
      ->check(CLI::Range(std::uint64_t{1}, kMostChanges));
  watch->footer(
      std::string(kCommonHelp) +
      "Runs until SIGINT, --count or --timeout; stderr says when the subscription is in place.\n"
      "With --count, a time-out before the last change is exit code 6.\n"
      "\nExamples:\n"
      "  tiara watch\n"
      "  tiara watch --json --count 1 --timeout 60\n");
  watch->callback([&parsed] { parsed.command = parsed.watch; });
}

void add_common(CLI::App& app, Parsed& parsed) {
  app.add_option("--config", parsed.common.config,
                 "Client configuration (default: $DXL_CONFIG, then ./dxlclient.config)")
      ->type_name("FILE");
  app.add_flag("--json", parsed.common.json, "Print JSON on stdout");
  app.add_option("--timeout", parsed.timeout_seconds,
                 "Seconds to wait for an answer (default: 30); watch: how long to watch")
      ->check(CLI::Range(0.001, 86400.0 * 365))
      ->type_name("SECONDS");
  app.set_version_flag("--version", "tiara " TIARA_VERSION);
  app.require_subcommand(1);
  // --config and --json work behind the subcommand, too. Subcommands inherit it.
  app.fallthrough();
  app.footer(
      "Exit codes: 0 ok, 1 negative answer, 2 usage or configuration, 3 cannot connect or listen,\n"
      "4 TLS, 5 not authorised, 6 time-out, 7 partly failed or no effect, 8 state unusable or in "
      "use.\n"
      "\nExamples:\n"
      "  tiara up --state ~/fabric\n"
      "  tiara --config ~/fabric/clients/admin/dxlclient.config rep get setup.exe\n"
      "  tiara rep external --help\n");
}

EarlyExit usage_error(const std::string& message) {
  return {kExitUsage, "", "tiara: " + message + "\n"};
}

bool uses_fabric(const Command& command) {
  return std::holds_alternative<RepGetOptions>(command) ||
         std::holds_alternative<RepSetOptions>(command) ||
         std::holds_alternative<RepExternalOptions>(command) ||
         std::holds_alternative<WatchOptions>(command);
}

// Those that do not speak to a fabric, but print on stdout.
bool takes_json(const Command& command) {
  if (const auto* config = std::get_if<ConfigOptions>(&command))
    return config->action == ConfigOptions::Action::kShow;
  if (const auto* auth = std::get_if<AuthOptions>(&command))
    return auth->action == AuthOptions::Action::kList || auth->action == AuthOptions::Action::kTest;
  if (const auto* store = std::get_if<StoreOptions>(&command))
    return store->action != StoreOptions::Action::kRestore;
  if (const auto* audit = std::get_if<AuditOptions>(&command)) return !audit->csv;
  return std::holds_alternative<CertAuthorityOptions>(command) ||
         std::holds_alternative<ClientOptions>(command) ||
         std::holds_alternative<StatusOptions>(command) ||
         std::holds_alternative<ReloadOptions>(command);
}

// Of these, --timeout bounds each request to the management port.
bool asks_management(const Command& command) {
  const auto* client = std::get_if<ClientOptions>(&command);
  return client && client->action != ClientOptions::Action::kCsr;
}

}  // namespace

std::variant<CommandLine, EarlyExit> parse_command_line(std::vector<std::string> arguments) {
  CLI::App app("Open DXL fabric, TIE reputation service and their command-line client", "tiara");
  Parsed parsed;
  add_common(app, parsed);
  add_up(app, parsed);
  add_provision(app, parsed);
  add_client(app, parsed.client, [&parsed] { parsed.command = parsed.client; });
  add_auth(app, parsed.auth, [&parsed] { parsed.command = parsed.auth; });
  add_cert_authority(app, parsed.authority, [&parsed] { parsed.command = parsed.authority; });
  add_config(app, parsed.config, [&parsed] { parsed.command = parsed.config; });
  add_status(app, parsed.status, [&parsed] { parsed.command = parsed.status; });
  add_reload(app, parsed.reload, [&parsed] { parsed.command = parsed.reload; });
  add_server(app, parsed.server, [&parsed] { parsed.command = parsed.server; });
  add_store(app, parsed.store, [&parsed] { parsed.command = parsed.store; });
  add_audit(app, parsed.audit, [&parsed] { parsed.command = parsed.audit; });
  CLI::App* rep = app.add_subcommand("rep", "Read and write reputations of files");
  rep->require_subcommand(1);
  rep->footer(
      "Examples:\n"
      "  tiara rep get setup.exe\n"
      "  tiara rep set KNOWN_TRUSTED setup.exe\n"
      "  tiara rep external random.exe --level MIGHT_BE_TRUSTED\n");
  add_rep_get(*rep, parsed);
  add_rep_set(*rep, parsed);
  add_rep_external(*rep, parsed);
  add_watch(app, parsed);

  std::reverse(arguments.begin(), arguments.end());  // the order CLI11 consumes a vector in
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const int code = app.exit(error, out, err);
    // CLI11 says "a subcommand is required" when a command's name is misspelt.
    const auto unknown = app.remaining(true);
    if (dynamic_cast<const CLI::RequiredError*>(&error) && !unknown.empty())
      return usage_error(
          fmt::format("unknown command or argument {}; see tiara --help", unknown.front()));
    return EarlyExit{code == 0 ? kExitOk : kExitUsage, out.str(), err.str()};
  }
  if (!parsed.command) return usage_error("no command; see tiara --help");
  if (app.count("--timeout") > 0)
    parsed.common.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(parsed.timeout_seconds));
  // Before the command or behind it.
  if (auto* server = std::get_if<ServerOptions>(&*parsed.command)) {
    if (server->config.empty()) server->config = std::exchange(parsed.common.config, {});
    if (server->config.empty()) return usage_error("server: --config FILE is missing");
  }
  CommonOptions harmless;
  harmless.json = parsed.common.json && takes_json(*parsed.command);
  if (asks_management(*parsed.command)) {
    harmless.timeout = parsed.common.timeout;
    if (parsed.common != harmless) return usage_error("--config has no meaning for this command");
  }
  if (!uses_fabric(*parsed.command) && parsed.common != harmless)
    return usage_error(takes_json(*parsed.command)
                           ? "--config and --timeout have no meaning for this command"
                           : "--config, --json and --timeout have no meaning for this command");
  return CommandLine{parsed.common, *parsed.command};
}

}  // namespace tiara::app
