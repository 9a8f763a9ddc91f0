// The arguments of `tiara` as values. Parsing does nothing else, so that it can be tested alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tiara/store_place.hpp"

namespace tiara::app {

// Of all commands that speak to a fabric.
struct CommonOptions {
  std::string config;  // empty: $DXL_CONFIG, then ./dxlclient.config
  bool json = false;
  std::optional<std::chrono::milliseconds> timeout;
  friend bool operator==(const CommonOptions&, const CommonOptions&) = default;
};

struct UpOptions {
  std::filesystem::path state;
  std::vector<std::string> listen;               // empty: 127.0.0.1 and ::1
  std::optional<std::uint16_t> port;             // absent: listen.port of tiara.toml
  std::optional<std::uint16_t> web_socket_port;  // absent: listen.ws_port
  std::optional<std::uint16_t> https_port;       // absent: listen.https_port
  std::optional<unsigned> threads;               // absent: broker.threads
  bool service = true;
  std::vector<std::string> set{};  // "KEY=VALUE" of tiara.toml
  bool check_config = false;       // read everything, start nothing
  friend bool operator==(const UpOptions&, const UpOptions&) = default;
};

struct ProvisionOptions {
  std::filesystem::path directory;
  std::filesystem::path state;
  std::string name;
  std::vector<std::string> groups;
  std::string host;  // empty: localhost and 127.0.0.1
  bool force = false;
  friend bool operator==(const ProvisionOptions&, const ProvisionOptions&) = default;
};

// `tiara client`: what OpenDXL's own `dxlclient` does (DXL reference §7.1).
struct ClientOptions {
  enum class Action : std::uint8_t { kProvision, kUpdate, kCsr } action = Action::kProvision;
  std::filesystem::path directory;
  std::string host;  // provision, update
  // provision, csr: the common name; with `is_request_file` the file of a certificate request
  std::string name;
  bool is_request_file = false;
  std::string prefix = "client";
  std::string country, state_or_province, locality, organization, organizational_unit,
      email_address;
  std::vector<std::string> names{};  // of the request's subjectAltName
  bool has_passphrase = false;
  std::filesystem::path passphrase_file;
  std::string user = "admin";
  std::filesystem::path password_file;
  std::uint16_t port = 8443;
  std::filesystem::path truststore;  // empty: the system's CAs
  bool insecure = false;
  bool force = false;
  bool quiet = false, verbose = false;
  friend bool operator==(const ClientOptions&, const ClientOptions&) = default;
};

// `tiara auth`: one of its commands.
struct AuthOptions {
  enum class Action : std::uint8_t { kList, kGrant, kRevoke, kTest } action = Action::kList;
  std::filesystem::path state;
  std::string client;   // name, thumbprint or file; list: may be empty
  std::string group;    // grant, revoke
  bool send = true;     // test: the direction; false: receive
  std::string topic;    // test
  bool service = true;  // test: the broker hosts the TIE service
  friend bool operator==(const AuthOptions&, const AuthOptions&) = default;
};

struct RepGetOptions {
  std::vector<std::string> targets;
  friend bool operator==(const RepGetOptions&, const RepGetOptions&) = default;
};

struct RepSetOptions {
  std::string level;
  std::vector<std::string> targets;
  std::optional<std::string> filename;  // absent: the file's own name
  std::string comment;
  friend bool operator==(const RepSetOptions&, const RepSetOptions&) = default;
};

struct RepExternalOptions {
  std::string level;
  std::vector<std::string> targets;
  std::optional<std::string> type;  // absent: detected
  std::optional<std::string> filename;
  std::string comment;
  bool force = false;
  friend bool operator==(const RepExternalOptions&, const RepExternalOptions&) = default;
};

struct WatchOptions {
  std::uint64_t count = 0;  // 0: without end
  friend bool operator==(const WatchOptions&, const WatchOptions&) = default;
};

struct CertAuthorityOptions {
  enum class Action : std::uint8_t { kShow, kRenew, kRotate };
  Action action = Action::kShow;
  std::filesystem::path state;
  bool finish = false;  // of kRotate
  friend bool operator==(const CertAuthorityOptions&, const CertAuthorityOptions&) = default;
};

struct ConfigOptions {
  enum class Action : std::uint8_t { kCheck, kShow, kReference, kImport } action = Action::kCheck;
  std::filesystem::path state;
  bool origin = false;         // show
  std::filesystem::path file;  // import: a dxlbroker.conf
  bool dry_run = false, force = false;
  bool metrics = false;  // reference: of the metrics instead
  friend bool operator==(const ConfigOptions&, const ConfigOptions&) = default;
};

struct ReloadOptions {
  std::filesystem::path state;
  friend bool operator==(const ReloadOptions&, const ReloadOptions&) = default;
};

struct StatusOptions {
  std::filesystem::path state, socket;  // one of them
  bool metrics = false;
  friend bool operator==(const StatusOptions&, const StatusOptions&) = default;
};

struct ServerOptions {
  std::filesystem::path config;  // its tiara.toml
  std::vector<std::string> set{};
  bool check_config = false;
  friend bool operator==(const ServerOptions&, const ServerOptions&) = default;
};

struct StoreOptions {
  enum class Action : std::uint8_t {
    kVerify,
    kCompact,
    kMigrate,
    kBackUp,
    kRestore,
    kList,
    kRecover
  };
  Action action = Action::kVerify;
  StorePlace place{};               // all but list
  std::filesystem::path back_ups;   // backup, restore, list
  std::uint32_t number = 0;         // restore; 0: the newest
  bool accept_damaged_log = false;  // recover: always
  friend bool operator==(const StoreOptions&, const StoreOptions&) = default;
};

struct AuditOptions {
  enum class Action : std::uint8_t { kVerify, kExport } action = Action::kVerify;
  StorePlace place{};
  std::string head;  // verify: "COUNT:HASH" noted earlier; may be empty
  bool csv = false;  // export
  friend bool operator==(const AuditOptions&, const AuditOptions&) = default;
};

using Command =
    std::variant<UpOptions, ServerOptions, ProvisionOptions, ClientOptions, AuthOptions,
                 CertAuthorityOptions, ConfigOptions, StatusOptions, ReloadOptions, StoreOptions,
                 AuditOptions, RepGetOptions, RepSetOptions, RepExternalOptions, WatchOptions>;

struct CommandLine {
  CommonOptions common;
  Command command;
};

// Nothing to run: help or version (code 0, `out`), or a mistake (code 2, `err`).
struct EarlyExit {
  int code = 0;
  std::string out, err;
};

std::variant<CommandLine, EarlyExit> parse_command_line(std::vector<std::string> arguments);

}  // namespace tiara::app
