// Parts of reading `dxlclient.config` that its editor shares.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/client_config.hpp"

namespace dxl {

inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

// As ClientConfig::parse, but [Certs] may be incomplete.
Result<ClientConfig> parse_incomplete_config(std::string_view text, std::string_view name);

// A broker line's value, or nullopt if it is none.
std::optional<BrokerAddress> find_broker(std::string_view value);

// A certificate path: as given if it exists from the working directory, else taken from
// `directory` (§3.3).
std::string resolved_path(const std::filesystem::path& directory, const std::string& path);

}  // namespace dxl
