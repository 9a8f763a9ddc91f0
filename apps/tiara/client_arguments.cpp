#include "tiara/client_arguments.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>

namespace tiara::app {
namespace {

using Action = ClientOptions::Action;

constexpr const char* kExitCodes =
    "Exit codes: 2 usage, or a file given is unusable; 3 cannot connect; 4 TLS: the server cannot "
    "be\nverified; 5 wrong user or password; 6 no answer in time; 7 the server refused, or its "
    "answer is\nunusable; 8 the directory cannot be written. Whatever fails, the directory stays "
    "as "
    "it was.\n";

// A secret on the command line is in the list of processes and in the shell's history.
[[noreturn]] void refuse_secret(const std::string& what, const std::string& instead) {
  throw CLI::ValidationError(
      "a " + what + " on the command line can be read by every user of this machine; " + instead);
}

void add_crypto(CLI::App& command, ClientOptions& options) {
  command.add_option("-f,--file-prefix", options.prefix,
                     "Name of the key, request and certificate files (default: client)");
  command
      .add_option("-s,--san", options.names,
                  "Host name or address for the request, may be repeated")
      ->allow_extra_args(false);
  // A flag that a value can be attached to, so that it can be refused in words.
  const auto attached = std::make_shared<std::string>();
  command
      .add_flag("-P,--passphrase", *attached,
                "Encrypt the key; asks for the pass phrase, or reads it from --passphrase-file or "
                "$TIARA_CLIENT_PASSPHRASE")
      ->each([attached, &options](const std::string& value) {
        if (value != "true")
          refuse_secret("pass phrase",
                        "give --passphrase alone to be asked, --passphrase-file FILE, or set "
                        "TIARA_CLIENT_PASSPHRASE");
        options.has_passphrase = true;
      });
  command.add_option("--passphrase-file", options.passphrase_file,
                     "Encrypt the key; the pass phrase is the first line, of stdin for \"-\"");
  command.add_option("--country", options.country, "Two letters, for the subject");
  command.add_option("--state-or-province", options.state_or_province, "For the subject");
  command.add_option("--locality", options.locality, "For the subject");
  command.add_option("--organization", options.organization, "For the subject");
  command.add_option("--organizational-unit", options.organizational_unit, "For the subject");
  command.add_option("--email-address", options.email_address, "For the subject");
}

void add_server_options(CLI::App& command, ClientOptions& options) {
  command.add_option("-u,--user", options.user, "User of the management port (default: admin)");
  const auto password = std::make_shared<std::string>();
  command.add_option("-p,--password", *password, "Refused: see --password-file")
      ->each([password](const std::string&) {
        refuse_secret("password",
                      "give --password-file FILE, set TIARA_CLIENT_PASSWORD, or give neither to be "
                      "asked");
      });
  command.add_option("--password-file", options.password_file,
                     "The password is the first line of this file, of stdin for \"-\" (default: "
                     "$TIARA_CLIENT_PASSWORD, else it is asked for)");
  command.add_option("-t,--port", options.port, "Management port (default: 8443)")
      ->check(CLI::Range(1, 65535));
  CLI::Option* const truststore =
      command.add_option("-e,--truststore", options.truststore,
                         "PEM file of the CAs that the server must be of (default: those of the "
                         "system); of `tiara up`: STATE/keystore/ca-broker.crt");
  command
      .add_flag("--insecure", options.insecure,
                "Do not verify the server: whoever answers gets the password and chooses the CA "
                "that the client will trust")
      ->excludes(truststore);
}

CLI::App* add_action(CLI::App& client, ClientOptions& options, const std::function<void()>& chosen,
                     const char* name, const char* help, Action action) {
  CLI::App* command = client.add_subcommand(name, help);
  command
      ->add_option("CONFIG_DIR", options.directory,
                   action == Action::kUpdate ? "Directory of the client's dxlclient.config"
                                             : "Directory to write into")
      ->required();
  if (action != Action::kCsr)
    command->add_option("HOST_NAME", options.host, "Host name or address of the management port")
        ->required();
  command->callback([&options, action, chosen] {
    options.action = action;
    chosen();
  });
  return command;
}

void add_provision(CLI::App& client, ClientOptions& options, const std::function<void()>& chosen) {
  CLI::App* command = add_action(client, options, chosen, "provision",
                                 "Get a certificate and a configuration", Action::kProvision);
  command
      ->add_option("COMMON_NAME", options.name,
                   "Name for the certificate; with -r, the file of a certificate request")
      ->required();
  command->add_flag("-r,--cert-request-file", options.is_request_file,
                    "The last argument is the file of a certificate request; its key is put into "
                    "CONFIG_DIR as PREFIX.key by you");
  command->add_flag("--force", options.force, "Replace a client that is in CONFIG_DIR");
  add_crypto(*command, options);
  add_server_options(*command, options);
  command->footer(
      "Writes PREFIX.key, PREFIX.csr, PREFIX.crt, ca-bundle.crt and dxlclient.config, readable by "
      "the\nowner only. The key is made here and stays here. Also takes --timeout SECONDS "
      "(default: "
      "30) and\n--json.\n" +
      std::string(kExitCodes) +
      "\nExamples:\n"
      "  tiara client provision -e ca-broker.crt ./scanner broker.example.com scanner\n"
      "  tiara client provision -e ca-broker.crt --password-file token --country DE \\\n"
      "      ./scanner broker.example.com scanner\n"
      "  tiara client provision -e ca-broker.crt -r ./scanner broker.example.com "
      "scanner/client.csr\n");
}

void add_update(CLI::App& client, ClientOptions& options, const std::function<void()>& chosen) {
  CLI::App* command = add_action(client, options, chosen, "update",
                                 "Renew the brokers and CAs of a configuration", Action::kUpdate);
  add_server_options(*command, options);
  command->footer(
      "Replaces the brokers in CONFIG_DIR/dxlclient.config, of which all else stays, and the file "
      "that\nits BrokerCertChain names. Also takes --timeout SECONDS (default: 30) and --json.\n" +
      std::string(kExitCodes) +
      "\nExamples:\n"
      "  tiara client update -e scanner/ca-bundle.crt ./scanner broker.example.com\n"
      "  tiara client update -e ca-broker.crt -t 9443 -u operator --password-file token \\\n"
      "      ./scanner broker.example.com --json\n");
}

void add_csr(CLI::App& client, ClientOptions& options, const std::function<void()>& chosen) {
  CLI::App* command = add_action(client, options, chosen, "csr",
                                 "Make a key and a certificate request only", Action::kCsr);
  command->add_option("COMMON_NAME", options.name, "Name for the certificate")->required();
  command->add_flag("--force", options.force, "Replace a key that is in CONFIG_DIR");
  add_crypto(*command, options);
  command->footer(
      "Writes PREFIX.key and PREFIX.csr; `tiara client provision -r` sends the request. Also takes "
      "--json.\n"
      "\nExamples:\n"
      "  tiara client csr ./scanner scanner\n"
      "  tiara client csr -f site -P --organization Example --san host.example.com ./scanner "
      "scanner\n");
}

}  // namespace

void add_client(CLI::App& app, ClientOptions& options, std::function<void()> chosen) {
  CLI::App* client = app.add_subcommand(
      "client", "Provision a client over HTTPS from any broker's management port");
  client->require_subcommand(1);
  client->add_flag("-s,-q,--silent,--quiet", options.quiet, "Print errors only");
  client->add_flag("-v,--verbose", options.verbose, "Say each step on stderr; may be repeated");
  client->footer(
      "On the broker's own machine, `tiara provision` needs no password.\n"
      "\nExamples:\n"
      "  tiara client provision -e ca-broker.crt ./scanner broker.example.com scanner\n"
      "  tiara client update -e ca-broker.crt ./scanner broker.example.com\n"
      "  tiara client csr ./scanner scanner\n");
  add_provision(*client, options, chosen);
  add_update(*client, options, chosen);
  add_csr(*client, options, chosen);
}

}  // namespace tiara::app
