#include "tiara/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tiara::app {
namespace {

using testing::HasSubstr;

CommandLine parsed(const std::vector<std::string>& arguments) {
  auto result = parse_command_line(arguments);
  if (const auto* exit = std::get_if<EarlyExit>(&result)) {
    ADD_FAILURE() << testing::PrintToString(arguments) << "\n" << exit->out << exit->err;
    return {};
  }
  return std::get<CommandLine>(result);
}

EarlyExit refused(const std::vector<std::string>& arguments) {
  auto result = parse_command_line(arguments);
  if (const auto* exit = std::get_if<EarlyExit>(&result)) return *exit;
  ADD_FAILURE() << testing::PrintToString(arguments) << " was accepted";
  return {};
}

TEST(CommandLine, UpTakesItsOptions) {
  EXPECT_EQ(std::get<UpOptions>(parsed({"up", "--state", "s"}).command),
            (UpOptions{"s", {}, std::nullopt, std::nullopt, std::nullopt, std::nullopt, true}));
  EXPECT_EQ(std::get<UpOptions>(parsed({"up", "--state", "s", "--listen", "0.0.0.0", "--listen",
                                        "::1", "--port", "0", "--ws-port", "8884", "--https-port",
                                        "8443", "--threads", "4", "--no-service"})
                                    .command),
            (UpOptions{"s",
                       {"0.0.0.0", "::1"},
                       std::uint16_t{0},
                       std::uint16_t{8884},
                       std::uint16_t{8443},
                       4U,
                       false}));
}

TEST(CommandLine, ProvisionTakesItsOptionsInAnyOrder) {
  const ProvisionOptions expected{"d", "s", "scanner", {"TIE Server", "Other"}, "", false};
  EXPECT_EQ(
      std::get<ProvisionOptions>(parsed({"provision", "d", "--state", "s", "--name", "scanner",
                                         "--group", "TIE Server", "--group", "Other"})
                                     .command),
      expected);
  EXPECT_EQ(std::get<ProvisionOptions>(parsed({"provision", "--group", "TIE Server", "--group",
                                               "Other", "--name", "scanner", "--state", "s", "d"})
                                           .command),
            expected);
  EXPECT_EQ(std::get<ProvisionOptions>(
                parsed({"provision", "d", "--state", "s", "--name", "n", "--force", "--host", "h"})
                    .command),
            (ProvisionOptions{"d", "s", "n", {}, "h", true}));
}

TEST(CommandLine, AuthCommandsTakeTheirOptions) {
  using Action = AuthOptions::Action;
  EXPECT_EQ(
      std::get<AuthOptions>(parsed({"auth", "list", "--state", "s"}).command),
      (AuthOptions{.action = Action::kList, .state = "s", .client = "", .group = "", .topic = ""}));
  EXPECT_TRUE(parsed({"auth", "list", "--state", "s", "--json"}).common.json);
  EXPECT_EQ(std::get<AuthOptions>(parsed({"auth", "list", "--state", "s", "c"}).command).client,
            "c");
  EXPECT_EQ(std::get<AuthOptions>(
                parsed({"auth", "grant", "--state", "s", "scanner", "TIE Server"}).command),
            (AuthOptions{.action = Action::kGrant,
                         .state = "s",
                         .client = "scanner",
                         .group = "TIE Server",
                         .topic = ""}));
  EXPECT_EQ(std::get<AuthOptions>(
                parsed({"auth", "revoke", "scanner", "TIE Server", "--state", "s"}).command)
                .action,
            Action::kRevoke);
  const auto test = std::get<AuthOptions>(
      parsed({"auth", "test", "--state", "s", "c", "receive", "/t", "--no-service"}).command);
  EXPECT_EQ(test, (AuthOptions{.action = Action::kTest,
                               .state = "s",
                               .client = "c",
                               .group = "",
                               .send = false,
                               .topic = "/t",
                               .service = false}));
  EXPECT_THAT(refused({"auth", "test", "--state", "s", "c", "both", "/t"}).err, HasSubstr("both"));
  EXPECT_THAT(refused({"auth", "grant", "--state", "s", "c", "g", "--json"}).err,
              HasSubstr("no meaning"));
  EXPECT_THAT(refused({"auth", "list", "--state", "s", "--config", "f"}).err,
              HasSubstr("no meaning"));
  for (const char* command : {"list", "grant", "revoke", "test"})
    EXPECT_THAT(refused({"auth", command, "--help"}).out, HasSubstr("Examples:")) << command;
}

TEST(CommandLine, ServerTakesItsFileBeforeAndBehindTheCommand) {
  EXPECT_EQ(std::get<ServerOptions>(parsed({"server", "--config", "f"}).command),
            (ServerOptions{"f", {}, false}));
  EXPECT_EQ(std::get<ServerOptions>(
                parsed({"--config", "f", "server", "--set", "a=b", "--check-config"}).command),
            (ServerOptions{"f", {"a=b"}, true}));
  EXPECT_THAT(refused({"server"}).err, HasSubstr("--config FILE is missing"));
  EXPECT_THAT(refused({"server", "--config", "f", "--json"}).err, HasSubstr("no meaning"));
  EXPECT_THAT(refused({"server", "--help"}).out, HasSubstr("Examples:"));
}

TEST(CommandLine, StoreAndAuditTakeAStateOrAStore) {
  using Store = StoreOptions::Action;
  const std::pair<std::vector<std::string>, StoreOptions> store_cases[] = {
      {{"store", "verify", "--state", "s"}, {Store::kVerify, {"s", ""}, "", 0}},
      {{"store", "compact", "--store", "d"}, {Store::kCompact, {"", "d"}, "", 0}},
      {{"store", "migrate", "--state", "s"}, {Store::kMigrate, {"s", ""}, "", 0}},
      {{"store", "backup", "b", "--state", "s"}, {Store::kBackUp, {"s", ""}, "b", 0}},
      {{"store", "restore", "b", "--state", "s", "--number", "3"},
       {Store::kRestore, {"s", ""}, "b", 3}},
      {{"store", "recover", "--accept-damaged-log", "--state", "s"},
       {Store::kRecover, {"s", ""}, "", 0, true}},
      {{"store", "list", "b"}, {Store::kList, {}, "b", 0}}};
  for (const auto& [arguments, expected] : store_cases)
    EXPECT_EQ(std::get<StoreOptions>(parsed(arguments).command), expected) << arguments[1];
  EXPECT_THAT(refused({"store", "recover", "--state", "s"}).err,
              HasSubstr("--accept-damaged-log is required"));
  using Audit = AuditOptions::Action;
  EXPECT_EQ(
      std::get<AuditOptions>(parsed({"audit", "verify", "--state", "s", "--head", "1:ff"}).command),
      (AuditOptions{Audit::kVerify, {"s", ""}, "1:ff", false}));
  EXPECT_EQ(std::get<AuditOptions>(parsed({"audit", "export", "--store", "d", "--csv"}).command),
            (AuditOptions{Audit::kExport, {"", "d"}, "", true}));
  EXPECT_TRUE(parsed({"audit", "export", "--store", "d", "--json"}).common.json);
  EXPECT_EQ(std::get<StatusOptions>(parsed({"status", "--socket", "c"}).command).socket, "c");
  const std::vector<std::string> refusals[] = {
      {"store", "verify"},
      {"store", "verify", "--state", "s", "--store", "d"},
      {"store", "restore", "b", "--state", "s", "--number", "0"},
      {"store", "restore", "b", "--state", "s", "--json"},
      {"audit", "verify"},
      {"audit", "export", "--state", "s", "--csv", "--json"},
      {"status"},
      {"status", "--state", "s", "--socket", "c"}};
  for (const auto& arguments : refusals) EXPECT_EQ(refused(arguments).code, 2);
  for (const char* command : {"verify", "compact", "migrate", "backup", "restore", "list"})
    EXPECT_THAT(refused({"store", command, "--help"}).out, HasSubstr("Examples:")) << command;
}

TEST(CommandLine, CertAuthorityTakesItsSteps) {
  using Action = CertAuthorityOptions::Action;
  const std::pair<std::vector<std::string>, CertAuthorityOptions> cases[] = {
      {{"cert-authority", "show", "--state", "s", "--json"}, {Action::kShow, "s", false}},
      {{"cert-authority", "renew", "--state", "s"}, {Action::kRenew, "s", false}},
      {{"cert-authority", "rotate", "--state", "s"}, {Action::kRotate, "s", false}},
      {{"cert-authority", "rotate", "--finish", "--state", "s"}, {Action::kRotate, "s", true}}};
  for (const auto& [arguments, expected] : cases)
    EXPECT_EQ(std::get<CertAuthorityOptions>(parsed(arguments).command), expected);
}

TEST(CommandLine, RepCommandsTakeTheirOptions) {
  EXPECT_EQ(std::get<RepGetOptions>(parsed({"rep", "get", "a", "b"}).command),
            (RepGetOptions{{"a", "b"}}));
  EXPECT_EQ(
      std::get<RepSetOptions>(
          parsed({"rep", "set", "99", "a", "b", "--comment", "why", "--filename", "n"}).command),
      (RepSetOptions{"99", {"a", "b"}, "n", "why"}));
  const RepExternalOptions external{"30", {"a", "b"}, std::nullopt, std::nullopt, "", false};
  EXPECT_EQ(
      std::get<RepExternalOptions>(parsed({"rep", "external", "a", "b", "--level", "30"}).command),
      external);
  EXPECT_EQ(
      std::get<RepExternalOptions>(parsed({"rep", "external", "--level", "30", "a", "b"}).command),
      external);
  EXPECT_EQ(std::get<RepExternalOptions>(
                parsed({"rep", "external", "a", "--level", "30", "--type", "PEEXE", "--filename",
                        "n", "--comment", "why", "--force"})
                    .command),
            (RepExternalOptions{"30", {"a"}, "PEEXE", "n", "why", true}));
}

TEST(CommandLine, ClientTakesTheOptionsOfDxlclient) {
  ClientOptions options;
  options.directory = "d";
  options.host = "h";
  options.name = "n";
  EXPECT_EQ(std::get<ClientOptions>(parsed({"client", "provision", "d", "h", "n"}).command),
            options);
  options.prefix = "site";
  options.names = {"a", "b"};
  options.has_passphrase = true;
  options.country = "DE";
  options.state_or_province = "Bayern";
  options.locality = "Hof";
  options.organization = "Org";
  options.organizational_unit = "Unit";
  options.email_address = "e";
  options.user = "joe";
  options.password_file = "-";
  options.port = 9443;
  options.truststore = "ca";
  options.quiet = true;
  EXPECT_EQ(std::get<ClientOptions>(parsed({"client",
                                            "-s",
                                            "provision",
                                            "-f",
                                            "site",
                                            "-s",
                                            "a",
                                            "--san",
                                            "b",
                                            "-P",
                                            "--country",
                                            "DE",
                                            "--state-or-province",
                                            "Bayern",
                                            "--locality",
                                            "Hof",
                                            "--organization",
                                            "Org",
                                            "--organizational-unit",
                                            "Unit",
                                            "--email-address",
                                            "e",
                                            "-u",
                                            "joe",
                                            "--password-file",
                                            "-",
                                            "-t",
                                            "9443",
                                            "-e",
                                            "ca",
                                            "d",
                                            "h",
                                            "n"})
                                        .command),
            options);
  const CommandLine update =
      parsed({"client", "update", "--insecure", "-v", "--timeout", "2", "--json", "d", "h"});
  EXPECT_EQ(update.common, (CommonOptions{"", true, std::chrono::seconds(2)}));
  EXPECT_TRUE(std::get<ClientOptions>(update.command).insecure);
  EXPECT_TRUE(std::get<ClientOptions>(update.command).verbose);
}

TEST(CommandLine, CommonOptionsStandBeforeOrAfterTheCommand) {
  const CommonOptions expected{"c", true, std::chrono::milliseconds(1500)};
  const std::vector<std::string> cases[] = {
      {"--config", "c", "--json", "--timeout", "1.5", "rep", "get", "a"},
      {"rep", "--config", "c", "--json", "--timeout", "1.5", "get", "a"},
      {"rep", "get", "--config", "c", "--json", "--timeout", "1.5", "a"},
      {"rep", "get", "a", "--config", "c", "--json", "--timeout", "1.5"},
      {"--json", "rep", "get", "a", "--timeout", "1.5", "--config=c"},
      {"watch", "--config", "c", "--json", "--timeout", "1.5"},
  };
  for (const auto& arguments : cases) {
    EXPECT_EQ(parsed(arguments).common, expected) << testing::PrintToString(arguments);
  }
  EXPECT_EQ(parsed({"watch"}).common, CommonOptions{});
}

TEST(CommandLine, WatchTakesACount) {
  EXPECT_EQ(std::get<WatchOptions>(parsed({"watch"}).command), WatchOptions{0});
  EXPECT_EQ(std::get<WatchOptions>(parsed({"watch", "--count", "3"}).command), WatchOptions{3});
}

TEST(CommandLine, MistakesAreUsageErrorsOnStderr) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{}, "subcommand"},
      {{"down"}, "down"},
      {{"up"}, "--state"},
      {{"up", "--state", "s", "--port", "65536"}, "--port"},
      {{"up", "--state", "s", "--port", "x"}, "--port"},
      {{"up", "--state", "s", "--threads", "0"}, "--threads"},
      {{"up", "--state", "s", "--config", "c"}, "no meaning"},
      {{"up", "--state", "s", "extra"}, "extra"},
      {{"provision", "d", "--name", "n"}, "--state"},
      {{"provision", "d", "--state", "s"}, "--name"},
      {{"client"}, "subcommand"},
      {{"client", "provision", "d", "h"}, "COMMON_NAME"},
      {{"client", "update", "d"}, "HOST_NAME"},
      {{"client", "update", "d", "h", "-p", "word"}, "can be read by every user"},
      {{"client", "csr", "d", "n", "--passphrase=word"}, "can be read by every user"},
      {{"client", "csr", "d", "n", "--timeout", "1"}, "no meaning"},
      {{"client", "update", "d", "h", "--config", "c"}, "no meaning"},
      {{"client", "update", "d", "h", "-t", "0"}, "--port"},
      {{"client", "update", "d", "h", "-e", "f", "--insecure"}, "--insecure"},
      {{"cert-authority"}, "subcommand"},
      {{"cert-authority", "show"}, "--state"},
      {{"cert-authority", "renew", "--state", "s", "--finish"}, "--finish"},
      {{"cert-authority", "show", "--state", "s", "--config", "c"}, "no meaning"},
      {{"rep"}, "subcommand"},
      {{"rep", "got", "f"}, "got"},
      {{"rep", "get"}, "FILE|HASH"},
      {{"rep", "set", "99"}, "FILE|HASH"},
      {{"rep", "external", "f"}, "--level"},
      {{"rep", "get", "f", "--timeout", "0"}, "--timeout"},
      {{"watch", "--count", "0"}, "--count: Value 0 not in range"},
      {{"watch", "--count", "0"}, "1000000000"},
  };
  for (const auto& [arguments, text] : cases) {
    const EarlyExit exit = refused(arguments);
    EXPECT_EQ(exit.code, 2) << testing::PrintToString(arguments);
    EXPECT_EQ(exit.out, "");
    EXPECT_THAT(exit.err, HasSubstr(text));
  }
}

TEST(CommandLine, HelpHasExamplesAtEachLevel) {
  const std::vector<std::string> cases[] = {{"--help"},
                                            {"up", "--help"},
                                            {"provision", "--help"},
                                            {"cert-authority", "--help"},
                                            {"cert-authority", "show", "--help"},
                                            {"cert-authority", "renew", "--help"},
                                            {"cert-authority", "rotate", "--help"},
                                            {"rep", "--help"},
                                            {"rep", "get", "--help"},
                                            {"rep", "set", "--help"},
                                            {"rep", "external", "--help"},
                                            {"watch", "--help"}};
  for (const auto& arguments : cases) {
    const EarlyExit exit = refused(arguments);
    EXPECT_EQ(exit.code, 0);
    EXPECT_EQ(exit.err, "");
    EXPECT_THAT(exit.out, HasSubstr("Examples:\n")) << testing::PrintToString(arguments);
  }
}

TEST(CommandLine, VersionIsOneLine) {
  const EarlyExit exit = refused({"--version"});
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(exit.out.substr(0, 6), "tiara ");
  EXPECT_EQ(exit.out.find('\n'), exit.out.size() - 1);
}

TEST(CommandLine, UpTakesSettingsAndChecksOnly) {
  const auto up = std::get<UpOptions>(
      parsed({"up", "--state", "s", "--set", "a=1", "--set", "b.c=x", "--check-config"}).command);
  EXPECT_EQ(up.set, (std::vector<std::string>{"a=1", "b.c=x"}));
  EXPECT_TRUE(up.check_config);
}

TEST(CommandLine, ConfigTakesItsActions) {
  using Action = ConfigOptions::Action;
  EXPECT_EQ(std::get<ConfigOptions>(parsed({"config", "check", "--state", "s"}).command),
            (ConfigOptions{Action::kCheck, "s", false, "", false, false, false}));
  const CommandLine show = parsed({"config", "show", "--state", "s", "--origin", "--json"});
  EXPECT_EQ(std::get<ConfigOptions>(show.command),
            (ConfigOptions{Action::kShow, "s", true, "", false, false, false}));
  EXPECT_TRUE(show.common.json);
  EXPECT_EQ(std::get<ConfigOptions>(parsed({"config", "reference"}).command).action,
            Action::kReference);
  EXPECT_EQ(std::get<ConfigOptions>(
                parsed({"config", "import", "f", "--state", "s", "--dry-run", "--force"}).command),
            (ConfigOptions{Action::kImport, "s", false, "f", true, true, false}));
  EXPECT_EQ(std::get<StatusOptions>(parsed({"status", "--state", "s", "--metrics"}).command),
            (StatusOptions{"s", "", true}));
  EXPECT_EQ(std::get<ReloadOptions>(parsed({"reload", "--state", "s"}).command),
            (ReloadOptions{"s"}));
  EXPECT_EQ(refused({"config", "check", "--state", "s", "--json"}).code, 2);
  EXPECT_EQ(refused({"config", "show", "--state", "s", "--timeout", "3"}).code, 2);
  EXPECT_EQ(refused({"config"}).code, 2);
}

}  // namespace
}  // namespace tiara::app
