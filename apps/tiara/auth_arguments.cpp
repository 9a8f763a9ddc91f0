#include "tiara/auth_arguments.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <utility>

namespace tiara::app {
namespace {

using Action = AuthOptions::Action;

constexpr const char* kClientHelp =
    "Name of a member (its common name at provisioning), SHA-1 or SHA-256 thumbprint of a "
    "certificate, or a certificate file: ./NAME, NAME.crt, NAME.pem or NAME.cer";

CLI::App* add_action(CLI::App& auth, const char* name, const char* help, Action action,
                     AuthOptions& options, const std::function<void()>& chosen) {
  CLI::App* command = auth.add_subcommand(name, help);
  command->add_option("--state", options.state, "State directory of `tiara up`")->required();
  command->callback([&options, action, chosen] {
    options.action = action;
    chosen();
  });
  return command;
}

void add_membership(CLI::App& auth, Action action, AuthOptions& options,
                    const std::function<void()>& chosen) {
  const bool grants = action == Action::kGrant;
  CLI::App* command =
      add_action(auth, grants ? "grant" : "revoke",
                 grants ? "Put a client into a group" : "Take a client out of a group", action,
                 options, chosen);
  command->add_option("CLIENT", options.client, kClientHelp)->required();
  command->add_option("GROUP", options.group, "Named group, built in or declared by the policy")
      ->required();
  const std::string more =
      grants
          ? "\nExamples:\n"
            "  tiara auth grant --state ~/fabric scanner 'TIE Server Set External Reputation'\n"
            "  tiara auth grant --state ~/fabric ./client.crt 'TIE Server Set External "
            "Reputation'\n"
          : "Exit code 7: the client has the rights of the group all the same; stderr says why.\n"
            "\nExamples:\n"
            "  tiara auth revoke --state ~/fabric scanner 'TIE Server Set External Reputation'\n";
  command->footer(
      "A running broker is told, and has confirmed the new policy when the command returns.\n" +
      more);
}

}  // namespace

void add_auth(CLI::App& app, AuthOptions& options, std::function<void()> chosen) {
  CLI::App* auth = app.add_subcommand("auth", "Show and change who may do what on a fabric");
  auth->require_subcommand(1);
  auth->footer(
      "Examples:\n"
      "  tiara auth list --state ~/fabric\n"
      "  tiara auth grant --state ~/fabric scanner 'TIE Server Set External Reputation'\n"
      "  tiara auth test --state ~/fabric scanner send /mcafee/event/external/file/report\n");
  CLI::App* list = add_action(*auth, "list", "Show the profile, groups, members and topic rules",
                              Action::kList, options, chosen);
  list->add_option("CLIENT", options.client,
                   "Show only this member: its name, thumbprint or certificate file");
  list->footer(
      "Reads STATE/authorization.toml and STATE/topicauth.policy. Also takes --json.\n"
      "\nExamples:\n"
      "  tiara auth list --state ~/fabric\n"
      "  tiara auth list --state ~/fabric scanner\n"
      "  tiara auth list --state ~/fabric --json\n");
  add_membership(*auth, Action::kGrant, options, chosen);
  add_membership(*auth, Action::kRevoke, options, chosen);

  CLI::App* test = add_action(*auth, "test", "Say whether a client may use a topic, and why not",
                              Action::kTest, options, chosen);
  test->add_option("CLIENT", options.client, kClientHelp)->required();
  test->add_option_function<std::string>(
          "DIRECTION", [&options](const std::string& word) { options.send = word == "send"; },
          "send or receive")
      ->check(CLI::IsMember({"send", "receive"}))
      ->required();
  test->add_option("TOPIC", options.topic, "A topic without wildcards")->required();
  test->add_flag("!--no-service", options.service,
                 "For a broker that runs with `tiara up --no-service`");
  test->footer(
      "Answers from the files of STATE: what a broker does after it has read them. Exit code 1: it "
      "may\nnot. Also takes --json.\n"
      "\nExamples:\n"
      "  tiara auth test --state ~/fabric scanner send /mcafee/event/external/file/report\n"
      "  tiara auth test --state ~/fabric scanner receive /mycompany/orders/new --json\n");
}

}  // namespace tiara::app
