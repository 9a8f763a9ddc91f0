#include "broker/credential_files.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "broker/state_directory.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;

dxl::Result<void> check_file(const fs::path& file) {
  const auto refuse = [&file](std::string_view why) {
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("credential {}: {}", file.string(), why));
  };
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return refuse(error ? error.message() : "not a file");
  // The service manager lets its user read the file by an access list, whose mask is shown as the
  // group's permissions: a group that reads is none.
  using fs::perms;
  const perms found = fs::status(file, error).permissions();
  if ((found & (perms::others_all | perms::group_write | perms::group_exec)) != perms::none)
    return refuse("others may read or change it; expected mode 0400, 0440 or 0600");
  if (fs::file_size(file, error) == 0) return refuse("is empty");
  return {};
}

}  // namespace

std::optional<fs::path> find_credential(std::string_view name) {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || directory[0] != '/') return std::nullopt;
  fs::path file = fs::path(directory) / name;
  if (!is_there(file)) return std::nullopt;
  return file;
}

dxl::Result<std::vector<std::string>> check_credentials() {
  std::vector<std::string> names;
  for (const std::string_view name : kCredentials) {
    const auto file = find_credential(name);
    if (!file) continue;
    if (auto checked = check_file(*file); !checked) return dxl::fail(checked.error());
    names.emplace_back(name);
  }
  return names;
}

fs::path find_key(const fs::path& keystore, std::string_view name) {
  fs::path own = keystore / name;
  if (is_there(own)) return own;
  return find_credential(name).value_or(std::move(own));
}

}  // namespace tiara::broker
