#include "tiara/store_arguments.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <utility>

namespace tiara::app {
namespace {

// One of the two.
void add_place(CLI::App& command, StorePlace& place) {
  CLI::Option_group* const group = command.add_option_group("where");
  group->add_option("--state", place.state, "State of `tiara up` or `tiara server`");
  group->add_option("--store", place.store, "The directory of the store itself");
  group->require_option(1);
}

CLI::App* add_store_action(CLI::App& store, const char* name, const char* help,
                           StoreOptions::Action action, StoreOptions& options,
                           const std::function<void()>& chosen) {
  CLI::App* command = store.add_subcommand(name, help);
  command->callback([&options, action, chosen] {
    options.action = action;
    chosen();
  });
  return command;
}

CLI::App* add_audit_action(CLI::App& audit, const char* name, const char* help,
                           AuditOptions::Action action, AuditOptions& options,
                           const std::function<void()>& chosen) {
  CLI::App* command = audit.add_subcommand(name, help);
  add_place(*command, options.place);
  command->callback([&options, action, chosen] {
    options.action = action;
    chosen();
  });
  return command;
}

void add_offline_actions(CLI::App& store, StoreOptions& options,
                         const std::function<void()>& chosen) {
  using Action = StoreOptions::Action;
  CLI::App* verify = add_store_action(store, "verify", "Read everything and compare it",
                                      Action::kVerify, options, chosen);
  add_place(*verify, options.place);
  verify->footer(
      "Prints how much there is of what, and each problem. Exit code 1: there are problems; 8: it "
      "cannot\nbe opened, or a service has it open. Also takes --json.\n"
      "\nExamples:\n"
      "  tiara store verify --state ~/fabric\n"
      "  tiara store verify --store /mnt/copy/store --json\n");
  CLI::App* compact = add_store_action(store, "compact", "Give back the space of what was removed",
                                       Action::kCompact, options, chosen);
  add_place(*compact, options.place);
  compact->footer(
      "Exit code 8: a service has it open. Also takes --json.\n"
      "\nExamples:\n"
      "  tiara store compact --state ~/fabric\n");
  CLI::App* migrate =
      add_store_action(store, "migrate", "Bring every record to this program's format",
                       Action::kMigrate, options, chosen);
  add_place(*migrate, options.place);
  migrate->footer(
      "Opening a store does what must be done; this does the rest at once. Older programs refuse "
      "the\nstore from then on. Exit code 8: a service has it open. Also takes --json.\n"
      "\nExamples:\n"
      "  tiara store migrate --state ~/fabric\n");
}

void add_recover(CLI::App& store, StoreOptions& options, const std::function<void()>& chosen) {
  CLI::App* recover =
      add_store_action(store, "recover", "Open a store whose log is damaged, giving up the rest",
                       StoreOptions::Action::kRecover, options, chosen);
  recover
      ->add_flag("--accept-damaged-log", options.accept_damaged_log,
                 "Yes: what is behind the damage in the log is given up")
      ->required();
  add_place(*recover, options.place);
  recover->footer(
      "For a store that refuses to open because of its log, for instance after a power cut on a "
      "disk that\nwrote zeros. Keeps what is before the damage and prints how far that goes: the "
      "last change id and\naudit entry, and those that could still be seen behind it. What was "
      "acknowledged may be among what\nis given up: prefer a back-up if you have one, and copy "
      "the directory first. A store whose log is\nsound stays as it is. Exit code 8: something "
      "else is damaged, or a service has it open. Also takes\n--json.\n"
      "\nExamples:\n"
      "  cp -a ~/fabric/store ~/store.damaged\n"
      "  tiara store recover --accept-damaged-log --state ~/fabric\n"
      "  tiara store verify --state ~/fabric\n");
}

void add_back_up_actions(CLI::App& store, StoreOptions& options,
                         const std::function<void()>& chosen) {
  using Action = StoreOptions::Action;
  CLI::App* backup = add_store_action(store, "backup", "Copy the store, while it is in use or not",
                                      Action::kBackUp, options, chosen);
  backup->add_option("DIR", options.back_ups, "Directory of back-ups; made if needed")->required();
  add_place(*backup, options.place);
  backup->footer(
      "A running server makes the copy, under its own user, and goes on serving; the command "
      "returns\nwhen it is on disk. The copy is of one moment. A later back-up into the same DIR "
      "adds what\nchanged. Exit code 8: DIR holds other files, or is part of the store or the "
      "state. Also "
      "takes --json.\n"
      "\nExamples:\n"
      "  tiara store backup /backup/tiara --state ~/fabric\n");
  CLI::App* restore = add_store_action(store, "restore", "Make a store from a back-up",
                                       Action::kRestore, options, chosen);
  restore->add_option("DIR", options.back_ups, "Directory of back-ups")->required();
  restore->add_option("--number", options.number, "Which, of `tiara store list` (default: newest)")
      ->check(CLI::PositiveNumber);
  add_place(*restore, options.place);
  restore->footer(
      "Checks the back-up first. The store must not be there: move an old one away. Exit code 8: "
      "it "
      "is,\nor a server runs on the state. Also takes --json.\n"
      "\nExamples:\n"
      "  mv ~/fabric/store ~/fabric/store.old\n"
      "  tiara store restore /backup/tiara --state ~/fabric\n");
  CLI::App* list = add_store_action(store, "list", "Show the back-ups in a directory",
                                    Action::kList, options, chosen);
  list->add_option("DIR", options.back_ups, "Directory of back-ups")->required();
  list->footer(
      "Number, time and size of each, oldest first. Also takes --json: one object a line.\n"
      "\nExamples:\n"
      "  tiara store list /backup/tiara\n");
}

}  // namespace

void add_server(CLI::App& app, ServerOptions& options, std::function<void()> chosen) {
  CLI::App* server =
      app.add_subcommand("server", "Run the TIE service alone, beside any DXL fabric");
  server->add_option("--config", options.config, "Its tiara.toml")->type_name("FILE");
  server->add_option("--set", options.set, "KEY=VALUE of its tiara.toml, may be repeated")
      ->allow_extra_args(false);
  server->add_flag("--check-config", options.check_config,
                   "Read the whole configuration, say \"ok\" or what is wrong (exit 2), start "
                   "nothing");
  server->footer(
      "The file names the fabric and who may change reputations; paths are relative to it:\n"
      "\n"
      "  [fabric]\n"
      "  config = \"client/dxlclient.config\"\n"
      "  [server]\n"
      "  members = \"authorization.toml\"\n"
      "\n"
      "When the service is registered, stdout gets one line: ready tie STORE_ID. SIGTERM stops, "
      "SIGHUP\nreloads settings, members and the client's certificates. Lock, control socket and "
      "store are in the\ndirectory of FILE, which is what --state of other commands names.\n"
      "\nExamples:\n"
      "  tiara server --config /etc/tiara-tie/tiara.toml\n"
      "  tiara server --config ./tiara.toml --check-config\n"
      "  tiara status --state /etc/tiara-tie\n");
  server->callback(std::move(chosen));
}

void add_store(CLI::App& app, StoreOptions& options, std::function<void()> chosen) {
  CLI::App* store =
      app.add_subcommand("store", "Check, back up, restore and maintain the store of reputations");
  store->require_subcommand(1);
  store->footer(
      "Examples:\n"
      "  tiara store backup /backup/tiara --state ~/fabric\n"
      "  tiara store verify --state ~/fabric\n");
  add_offline_actions(*store, options, chosen);
  add_recover(*store, options, chosen);
  add_back_up_actions(*store, options, chosen);
}

void add_audit(CLI::App& app, AuditOptions& options, std::function<void()> chosen) {
  using Action = AuditOptions::Action;
  CLI::App* audit = app.add_subcommand("audit", "Check and print the log of who changed what");
  audit->require_subcommand(1);
  audit->footer(
      "Examples:\n"
      "  tiara audit verify --state ~/fabric\n"
      "  tiara audit export --state ~/fabric --csv > audit.csv\n");
  CLI::App* verify =
      add_audit_action(*audit, "verify", "Check that nothing was altered or taken out",
                       Action::kVerify, options, chosen);
  verify->add_option("--head", options.head,
                     "COUNT:HASH of an earlier verify, status or log line: the log must still pass "
                     "through it");
  verify->footer(
      "Reads beside a running server. Exit code 1: the log is broken, stderr names the entry. Also "
      "takes\n--json.\n"
      "\nExamples:\n"
      "  tiara audit verify --state ~/fabric\n"
      "  tiara audit verify --state ~/fabric --head 1200:9f86d0…\n");
  CLI::App* write = add_audit_action(*audit, "export", "Print every entry, oldest first",
                                     Action::kExport, options, chosen);
  write->add_flag("--csv", options.csv, "For spreadsheets; otherwise one JSON object a line");
  write->footer(
      "Reads beside a running server, and checks as it goes (exit code 1). With --csv, a field "
      "that "
      "would\nbe a formula gets a ' before it.\n"
      "\nExamples:\n"
      "  tiara audit export --state ~/fabric > audit.ndjson\n"
      "  tiara audit export --state ~/fabric --csv > audit.csv\n");
}

}  // namespace tiara::app
