#include "tiara/fabric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/log.hpp"
#include "base/printable.hpp"

namespace tiara::app {

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
  if (!config) return dxl::fail(config.error());
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

dxl::Error not_authorised(const std::string& topic, const tie::SendPermission& permission) {
  std::string message = "not authorised to send to " + topic;
  for (std::size_t i = 0; i < permission.groups.size(); ++i)
    message +=
        fmt::format("{}\"{}\"", i == 0 ? ": needs the group " : " or ", permission.groups[i]);
  if (permission.groups.empty() && !permission.reason.empty()) message += ": " + permission.reason;
  return {dxl::ErrorCode::kNotAuthorised, std::move(message)};
}

}  // namespace tiara::app
