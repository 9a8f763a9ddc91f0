// `tiara client provision`, `update` and `csr` (DXL reference §7).
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/regular_file.hpp"
#include "broker/certificate.hpp"
#include "broker/client_request.hpp"
#include "broker/signing_request.hpp"
#include "broker/state_directory.hpp"
#include "tiara/client_config_text.hpp"
#include "tiara/client_files.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/management_client.hpp"
#include "tiara/output.hpp"
#include "tiara/secrets.hpp"

namespace tiara::app {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;

constexpr const char* kConfig = "dxlclient.config";
constexpr const char* kBundle = "ca-bundle.crt";
constexpr std::size_t kMostTruststoreBytes = 4 * 1024 * 1024;
constexpr std::size_t kMostConfigBytes = 1024 * 1024;  // as its reader takes
constexpr std::size_t kLongestPrefix = 64;
constexpr std::size_t kLongestUser = 256;

// What a command did, for stderr and for --json.
struct Written {
  std::vector<fs::path> files;
  std::optional<BrokerLists> lists;
};

tl::unexpected<dxl::Error> refuse(std::string why) {
  return dxl::fail(ErrorCode::kInvalidArgument, std::move(why));
}

bool consists_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

// It becomes part of file names and of lines of the configuration.
dxl::Result<void> check_prefix(const std::string& prefix) {
  if (!prefix.empty() && prefix.size() <= kLongestPrefix && consists_of(prefix, "-_.") &&
      prefix[0] != '.' && prefix[0] != '-' && prefix + ".crt" != kBundle)
    return {};
  return refuse(
      fmt::format("--file-prefix: expected 1 to {} letters, digits, '-', '_' and '.', "
                  "beginning with a letter or digit, not \"ca-bundle\"; found {}",
                  kLongestPrefix, base::json_text(prefix)));
}

// Without the brackets of an IPv6 address.
dxl::Result<std::string> host_of(const std::string& text) {
  std::string host = text;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool is_ipv6 = std::count(host.begin(), host.end(), ':') > 1;
  if (!host.empty() && host[0] != '-' && consists_of(host, is_ipv6 ? ":." : "-_.")) return host;
  return refuse(
      fmt::format("HOST_NAME: expected a host name or an address, without \"https://\" "
                  "and port (that is --port), found {}",
                  base::json_text(text)));
}

dxl::Result<std::string> read_truststore(const ClientOptions& options) {
  if (options.truststore.empty()) return std::string();
  const auto unusable = [&](const std::string& why) {
    return dxl::fail(ErrorCode::kConfiguration, fmt::format("--truststore: {}", why));
  };
  auto text = base::read_regular_file(options.truststore, kMostTruststoreBytes);
  if (!text) return unusable(text.error().message);
  if (const auto found = broker::inspect_certificates(*text); !found)
    return unusable(options.truststore.string() + ": " + found.error().message);
  return text;
}

dxl::Result<std::string> read_passphrase(const ClientOptions& options) {
  if (!options.has_passphrase && options.passphrase_file.empty()) return std::string();
  auto text = read_secret({"pass phrase for the key", "--passphrase-file", options.passphrase_file,
                           "TIARA_CLIENT_PASSPHRASE", true});
  if (text && text->size() < broker::kShortestPassphrase)
    return dxl::fail(
        ErrorCode::kConfiguration,
        fmt::format("pass phrase: shorter than {} characters", broker::kShortestPassphrase));
  return text;
}

dxl::Result<ManagementClient> connect(const CommonOptions& common, const ClientOptions& options) {
  const auto host = host_of(options.host);
  if (!host) return dxl::fail(host.error());
  if (options.user.empty() || options.user.size() > kLongestUser ||
      options.user.find(':') != std::string::npos || !base::is_readable_name(options.user))
    return refuse(
        fmt::format("--user: expected 1 to {} characters that can be seen, without ':', "
                    "found {}",
                    kLongestUser, base::json_text(options.user)));
  https::HttpsClientOptions https;
  https.host = *host;
  https.port = options.port;
  https.verify = !options.insecure;
  https.user = options.user;
  auto trusted = read_truststore(options);
  if (!trusted) return dxl::fail(trusted.error());
  https.trusted_pem = *std::move(trusted);
  auto password = read_secret({fmt::format("password of {} at {}", options.user, *host),
                               "--password-file", options.password_file, "TIARA_CLIENT_PASSWORD"});
  if (!password) return dxl::fail(password.error());
  https.password = *std::move(password);
  if (common.timeout) https.timeout = *common.timeout;
  if (options.verbose)
    https.on_step = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  if (options.insecure)
    fmt::print(stderr,
               "tiara: warning: --insecure: {} is not verified; whoever answers gets the password "
               "and chooses the CA that this client trusts\n",
               *host);
  return ManagementClient::make(std::move(https));
}

// The error of a server that the system's CAs do not know says what to do about it.
dxl::Error with_hint(dxl::Error error, const ClientOptions& options) {
  if (error.code == ErrorCode::kTls && options.truststore.empty() && !options.insecure)
    error.message +=
        "; --truststore FILE names the CAs that it must be of (of `tiara up`: "
        "STATE/keystore/ca-broker.crt)";
  return error;
}

dxl::Result<broker::KeyAndRequest> make_request(const ClientOptions& options) {
  const auto passphrase = read_passphrase(options);
  if (!passphrase) return dxl::fail(passphrase.error());
  return broker::make_client_request(
      {options.name, options.country, options.state_or_province, options.locality,
       options.organization, options.organizational_unit, options.email_address, options.names},
      *passphrase);
}

// Options that say nothing about a request that is there already would be dropped silently.
dxl::Result<void> check_request_options(const ClientOptions& options) {
  ClientOptions without = options;
  for (std::string ClientOptions::*part :
       {&ClientOptions::country, &ClientOptions::state_or_province, &ClientOptions::locality,
        &ClientOptions::organization, &ClientOptions::organizational_unit,
        &ClientOptions::email_address})
    (without.*part).clear();
  without.names.clear();
  without.has_passphrase = false;
  without.passphrase_file.clear();
  if (without == options) return {};
  return refuse(
      "--cert-request-file: the request is made already; options for its subject, --san "
      "and --passphrase have no meaning beside it");
}

dxl::Result<broker::KeyAndRequest> read_or_make_request(const ClientOptions& options) {
  if (!options.is_request_file) return make_request(options);
  if (auto checked = check_request_options(options); !checked) return dxl::fail(checked.error());
  const auto text = base::read_regular_head(options.name, broker::kSigningRequestBytes + 1);
  if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
  auto request = broker::read_request(*text);
  if (!request)
    return dxl::fail(request.error().code, options.name + ": " + request.error().message);
  return broker::KeyAndRequest{"", *std::move(request)};
}

std::vector<fs::path> paths_of(const fs::path& directory, const broker::FileSet& files) {
  std::vector<fs::path> paths;
  for (const auto& [name, text] : files) paths.push_back(directory / name);
  return paths;
}

// Of a request whose key is elsewhere.
void note_key(const ClientOptions& options, const std::string& certificate) {
  const auto file = options.directory / (options.prefix + ".key");
  const auto key = broker::read_file(file);
  if (!key)
    fmt::print(stderr, "{}: put the key of the request there\n", file.string());
  else if (key->find("ENCRYPTED") == std::string::npos && !broker::check_key(certificate, *key))
    fmt::print(stderr, "tiara: warning: {}: is not the key of the request\n", file.string());
}

dxl::Result<Written> provision(const CommonOptions& common, const ClientOptions& options) {
  if (auto checked = check_prefix(options.prefix); !checked) return dxl::fail(checked.error());
  const std::string key = options.prefix + ".key", request = options.prefix + ".csr",
                    certificate = options.prefix + ".crt";
  const auto directory = ClientFiles::open(options.directory, ClientFiles::Missing::kCreate);
  if (!directory) return dxl::fail(directory.error());
  std::vector<std::string> new_files{certificate, kBundle, kConfig};
  if (!options.is_request_file) new_files.insert(new_files.begin(), {key, request});
  if (!options.force)
    if (auto free = directory->check_free(new_files); !free) return dxl::fail(free.error());
  auto made = read_or_make_request(options);
  if (!made) return dxl::fail(std::move(made).error());
  auto server = connect(common, options);
  if (!server) return dxl::fail(std::move(server).error());
  auto package = server->provision(made->request_pem);
  if (!package) return dxl::fail(with_hint(std::move(package).error(), options));
  broker::FileSet files{{certificate, package->certificate_pem},
                        {kBundle, package->ca_bundle_pem},
                        {kConfig, new_client_config(options.prefix, kBundle, package->lists)}};
  if (!options.is_request_file) {
    files[key] = made->private_key_pem;
    files[request] = made->request_pem;
  }
  if (auto written = directory->write(files); !written) return dxl::fail(written.error());
  if (options.is_request_file) note_key(options, package->certificate_pem);
  return Written{paths_of(options.directory, files), std::move(package->lists)};
}

dxl::Result<Written> update(const CommonOptions& common, const ClientOptions& options) {
  const auto directory = ClientFiles::open(options.directory, ClientFiles::Missing::kRefuse);
  if (!directory) return dxl::fail(directory.error());
  const auto file = options.directory / kConfig;
  const auto config = dxl::ClientConfig::load(file);
  if (!config) return dxl::fail(config.error());
  const auto text = base::read_regular_file(file, kMostConfigBytes);
  if (!text) return dxl::fail(text.error());
  auto server = connect(common, options);
  if (!server) return dxl::fail(std::move(server).error());
  auto bundle = server->ca_bundle();
  if (!bundle) return dxl::fail(with_hint(std::move(bundle).error(), options));
  auto lists = server->brokers();
  if (!lists) return dxl::fail(std::move(lists).error());
  auto updated = update_client_config(*text, *lists);
  if (!updated)
    return dxl::fail(updated.error().code, file.string() + ": " + updated.error().message);
  if (auto written = replace_both({config->broker_cert_chain, *std::move(bundle)},
                                  {file, *std::move(updated)});
      !written)
    return dxl::fail(std::move(written).error());
  return Written{{config->broker_cert_chain, file}, *std::move(lists)};
}

dxl::Result<Written> make_csr(const ClientOptions& options) {
  if (auto checked = check_prefix(options.prefix); !checked) return dxl::fail(checked.error());
  const auto directory = ClientFiles::open(options.directory, ClientFiles::Missing::kCreate);
  if (!directory) return dxl::fail(directory.error());
  const std::string key = options.prefix + ".key", request = options.prefix + ".csr";
  if (!options.force)
    if (auto free = directory->check_free({key, request}); !free) return dxl::fail(free.error());
  auto made = make_request(options);
  if (!made) return dxl::fail(std::move(made).error());
  const broker::FileSet files{{key, made->private_key_pem}, {request, made->request_pem}};
  if (auto written = directory->write(files); !written) return dxl::fail(written.error());
  return Written{paths_of(options.directory, files), std::nullopt};
}

nlohmann::ordered_json to_json(const std::vector<dxl::BrokerAddress>& brokers) {
  auto list = nlohmann::ordered_json::array();
  for (const dxl::BrokerAddress& broker : brokers)
    list.push_back({{"guid", broker.id.value},
                    {"hostName", broker.host},
                    {"ipAddress", broker.ip},
                    {"port", broker.port}});
  return list;
}

std::string to_json(const ClientOptions& options, const Written& written) {
  nlohmann::ordered_json object;
  object["directory"] = options.directory.string();
  object["files"] = nlohmann::ordered_json::array();
  for (const fs::path& file : written.files) object["files"].push_back(file.string());
  if (written.lists) {
    object["brokers"] = to_json(written.lists->brokers);
    if (written.lists->websocket_brokers)
      object["webSocketBrokers"] = to_json(*written.lists->websocket_brokers);
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void say(const ClientOptions& options, const Written& written) {
  if (written.lists)
    for (const std::string& note : written.lists->notes)
      fmt::print(stderr, "tiara: note: {}\n", printable(note));
  const bool is_update = options.action == ClientOptions::Action::kUpdate;
  std::vector<std::string> names;
  for (const fs::path& file : written.files)
    names.push_back(is_update ? file.string() : file.filename().string());
  if (is_update)
    fmt::print(stderr, "updated {}\n", fmt::join(names, " and "));
  else
    fmt::print(stderr, "wrote {} in {}\n", fmt::join(names, ", "), options.directory.string());
}

dxl::Result<Written> run(const CommonOptions& common, const ClientOptions& options) {
  switch (options.action) {
    case ClientOptions::Action::kProvision:
      return provision(common, options);
    case ClientOptions::Action::kUpdate:
      return update(common, options);
    case ClientOptions::Action::kCsr:
      break;
  }
  return make_csr(options);
}

}  // namespace

int run_client(const CommonOptions& common, const ClientOptions& options) {
  ::umask(077);
  const auto written = run(common, options);
  if (!written) return report(written.error());
  if (common.json) fmt::print("{}\n", to_json(options, *written));
  if (!options.quiet) say(options, *written);
  return kExitOk;
}

}  // namespace tiara::app
