// Secrets that a service manager hands over as files of $CREDENTIALS_DIRECTORY (systemd's
// LoadCredential=) and that the state then need not hold.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::broker {

// Each has the name of the file that it stands for; others are not looked at.
inline constexpr std::array<std::string_view, 4> kCredentials{"admin.token", "ca-client.key",
                                                              "ca-broker.key", "broker.key"};

// The file, if it has been handed over.
std::optional<std::filesystem::path> find_credential(std::string_view name);

// Names of those that are there. kConfiguration when one is no file, is empty, or may be read by
// others or changed by anybody but its owner.
dxl::Result<std::vector<std::string>> check_credentials();

// The keystore's own file or, if that is not there, the credential of its name. In this order,
// because renewing and rotating writes new keys into the keystore.
std::filesystem::path find_key(const std::filesystem::path& keystore, std::string_view name);

}  // namespace tiara::broker
