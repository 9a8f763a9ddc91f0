#include "tiara/fabric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/log.hpp"
#include "base/printable.hpp"

namespace tiara::app {
namespace {

constexpr const char* kWhereFrom =
    "; name the client's configuration with --config FILE or DXL_CONFIG; `tiara provision` makes "
    "one";

}  // namespace

std::chrono::milliseconds answer_timeout(const CommonOptions& options) {
  return options.timeout.value_or(std::chrono::seconds(30));
}

std::string config_file(const CommonOptions& options) {
  if (!options.config.empty()) return options.config;
  const char* from_environment = std::getenv("DXL_CONFIG");
  return from_environment && *from_environment ? from_environment : "dxlclient.config";
}

dxl::Result<std::unique_ptr<dxl::Client>> connect(const CommonOptions& options, bool reconnect) {
  // A short command ends with the error; a long one shows what keeps it waiting.
  base::start_log(reconnect ? base::LogLevel::kWarning : base::LogLevel::kError);
  auto config = dxl::ClientConfig::load(config_file(options));
  if (!config) {
    std::error_code ignored;
    const bool is_missing = !std::filesystem::exists(config_file(options), ignored);
    return dxl::fail(config.error().code, config.error().message + (is_missing ? kWhereFrom : ""));
  }
  for (const std::string& warning : config->warnings)
    fmt::print(stderr, "tiara: {}: {}\n", base::printable(config_file(options)),
               base::printable(warning));
  dxl::ClientOptions client_options;
  client_options.reconnect = reconnect;
  client_options.connect_timeout =
      std::min(client_options.connect_timeout, answer_timeout(options));
  client_options.attempt_timeout =
      std::min(client_options.attempt_timeout, client_options.connect_timeout);
  auto client = dxl::Client::create(std::move(*config), client_options);
  if (!client) return dxl::fail(client.error());
  if (auto connected = (*client)->connect(); !connected) return dxl::fail(connected.error());
  return client;
}

dxl::Error not_authorised(std::string_view action, const std::string& topic,
                          const tie::SendPermission& permission) {
  std::string message = fmt::format("not authorised to {} {}", action, topic);
  for (std::size_t i = 0; i < permission.groups.size(); ++i)
    message +=
        fmt::format("{}\"{}\"", i == 0 ? ": needs the group " : " or ", permission.groups[i]);
  if (!permission.groups.empty())
    message += "; the broker's administrator adds to it with `tiara auth grant`";
  else if (!permission.reason.empty())
    message += fmt::format(": {}; a [[topic]] rule in the broker's authorization.toml can allow it",
                           permission.reason);
  return {dxl::ErrorCode::kNotAuthorised, std::move(message)};
}

// The peer's refusal names no group; the broker may know which one is missing. Of a service that is
// not there, the broker says neither which nor what to do.
dxl::Error explain_refusal(tie::Client& tie, std::string_view topic, const dxl::Error& refusal) {
  if (refusal.code == dxl::ErrorCode::kPeer && refusal.peer_code == dxl::kServiceUnavailable)
    return {refusal.code,
            fmt::format("no TIE service on this fabric answers {} ({}); `tiara up` has one unless "
                        "started with --no-service, and `tiara server` adds one",
                        topic, refusal.message),
            refusal.peer_code};
  if (refusal.code != dxl::ErrorCode::kNotAuthorised) return refusal;
  const auto permission = tie.may_send(std::string(topic));
  return permission && !permission->allowed
             ? not_authorised("send to", std::string(topic), *permission)
             : refusal;
}

}  // namespace tiara::app
