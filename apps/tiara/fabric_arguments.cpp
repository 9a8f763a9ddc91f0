#include "tiara/fabric_arguments.hpp"

#include <CLI/CLI.hpp>

#include <utility>

namespace tiara::app {
namespace {

CLI::App* add_config_action(CLI::App& config, ConfigOptions& options,
                            const std::function<void()>& chosen, const char* name, const char* help,
                            ConfigOptions::Action action) {
  CLI::App* app = config.add_subcommand(name, help);
  if (action != ConfigOptions::Action::kReference)
    app->add_option("--state", options.state, "State directory of `tiara up`")->required();
  app->callback([&options, action, chosen] {
    options.action = action;
    chosen();
  });
  return app;
}

}  // namespace

void add_cert_authority(CLI::App& app, CertAuthorityOptions& options,
                        std::function<void()> chosen) {
  using Action = CertAuthorityOptions::Action;
  CLI::App* authority =
      app.add_subcommand("cert-authority", "Show, renew or replace the certificates of a fabric");
  authority->require_subcommand(1);
  authority->footer(
      "A running broker takes new certificates at once; no client is disconnected by show, renew "
      "and rotate.\n"
      "\nExamples:\n"
      "  tiara cert-authority show --state ~/fabric\n"
      "  tiara cert-authority renew --state ~/fabric\n"
      "  tiara cert-authority rotate --state ~/fabric\n"
      "  tiara cert-authority rotate --finish --state ~/fabric\n");
  const auto add = [&](const char* name, const char* text, Action action, const char* footer) {
    CLI::App* command = authority->add_subcommand(name, text);
    command->add_option("--state", options.state, "State directory of `tiara up`")->required();
    command->footer(footer);
    command->callback([&options, action, chosen] {
      options.action = action;
      chosen();
    });
    return command;
  };
  add("show", "Who, until when, thumbprints", Action::kShow,
      "With --json: "
      "{\"rotating\":…,\"certificates\":[{\"role\",\"subject\",\"expires\",\"daysLeft\",\n"
      "\"sha1\",\"sha256\",\"file\"}]}\n"
      "\nExamples:\n"
      "  tiara cert-authority show --state ~/fabric\n"
      "  tiara cert-authority show --state ~/fabric --json\n");
  add("renew", "New broker and service certificates from the present CAs", Action::kRenew,
      "\nExamples:\n"
      "  tiara cert-authority renew --state ~/fabric\n");
  add("rotate", "New CAs beside the old; with --finish, the old ones go", Action::kRotate,
      "From rotate on, the new CAs sign; clients of the old ones go on working. Give each a new\n"
      "certificate (tiara provision --force), then rotate --finish: the old CAs are dropped and "
      "revoked,\n"
      "and who still uses a certificate of theirs is disconnected.\n"
      "\nExamples:\n"
      "  tiara cert-authority rotate --state ~/fabric\n"
      "  tiara provision ./scanner --force --state ~/fabric --name scanner\n"
      "  tiara cert-authority rotate --finish --state ~/fabric\n")
      ->add_flag("--finish", options.finish, "Drop the old CAs");
}

void add_config(CLI::App& app, ConfigOptions& options, std::function<void()> chosen) {
  using Action = ConfigOptions::Action;
  CLI::App* config = app.add_subcommand("config", "Check, show and import configuration");
  config->require_subcommand(1);
  config->footer(
      "Examples:\n"
      "  tiara config check --state ~/fabric\n"
      "  tiara config show --state ~/fabric --origin\n"
      "  tiara config import /opt/dxlbroker/conf/dxlbroker.conf --state ~/fabric --dry-run\n");
  add_config_action(*config, options, chosen, "check",
                    "Read everything, print \"ok\" or what is wrong", Action::kCheck)
      ->footer(
          "Exit code 2 and one line per mistake with file and line; nothing is started or "
          "changed.\n"
          "\nExamples:\n"
          "  tiara config check --state ~/fabric\n");
  CLI::App* show = add_config_action(*config, options, chosen, "show",
                                     "Print every setting that holds", Action::kShow);
  show->add_flag("--origin", options.origin, "Also who set it: a variable, FILE:LINE or default");
  show->footer(
      "With --json one object; with --origin each member is {\"value\":…,\"origin\":\"…\"}.\n"
      "\nExamples:\n"
      "  tiara config show --state ~/fabric --origin\n"
      "  tiara config show --state ~/fabric --json\n");
  CLI::App* reference =
      add_config_action(*config, options, chosen, "reference",
                        "Print the Markdown reference of every setting", Action::kReference);
  reference->add_flag("--metrics", options.metrics, "Of every metric instead");
  reference->footer("Examples:\n  tiara config reference > configuration.md\n");
  CLI::App* import =
      add_config_action(*config, options, chosen, "import",
                        "Take over the configuration of an original broker", Action::kImport);
  import->add_option("FILE", options.file, "Its dxlbroker.conf")->required();
  import->add_flag("--dry-run", options.dry_run, "Only say what would be done");
  import->add_flag("--force", options.force, "Replace a tiara.toml that sets something");
  import->footer(
      "Reads FILE, FILE.defaults below it and the policies they name; says of every key whether "
      "it is\n"
      "taken, ignored or unsupported, and why. Exit code 7: something is unsupported; the rest was "
      "taken.\n"
      "\nExamples:\n"
      "  tiara config import dxlbroker.conf --state ~/fabric --dry-run\n");
}

void add_status(CLI::App& app, StatusOptions& options, std::function<void()> chosen) {
  CLI::App* status = app.add_subcommand("status", "Ask a running server how it is");
  CLI::Option_group* const where = status->add_option_group("where");
  where->add_option("--state", options.state, "State of `tiara up` or `tiara server`");
  where->add_option("--socket", options.socket, "Its control socket itself");
  where->require_option(1);
  status->add_flag("--metrics", options.metrics,
                   "Metrics in the Prometheus text format instead of one JSON object");
  status->footer(
      "Exit code 3: none runs there.\n"
      "\nExamples:\n"
      "  tiara status --state ~/fabric\n"
      "  tiara status --state ~/fabric --metrics\n");
  status->callback(std::move(chosen));
}

void add_reload(CLI::App& app, ReloadOptions& options, std::function<void()> chosen) {
  CLI::App* reload = app.add_subcommand("reload", "Have the running broker read its files again");
  reload->add_option("--state", options.state, "State directory of `tiara up`")->required();
  reload->footer(
      "Prints what is in force then, or what is wrong: then nothing has changed. Exit code 3: no\n"
      "broker runs on this state.\n"
      "\nExamples:\n"
      "  tiara reload --state ~/fabric\n");
  reload->callback(std::move(chosen));
}

}  // namespace tiara::app
