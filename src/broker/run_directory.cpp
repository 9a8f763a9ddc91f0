#include "broker/run_directory.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;

constexpr const char* kVariable = "RUNTIME_DIRECTORY";

dxl::Result<void> check_directory(const fs::path& directory) {
  const auto refuse = [&directory](std::string_view why) {
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{} {}: {}", kVariable, directory.string(), why));
  };
  if (!directory.is_absolute()) return refuse("expected an absolute path");
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (!fs::is_directory(status)) return refuse(error ? error.message() : "not a directory");
  using fs::perms;
  if ((status.permissions() & (perms::group_write | perms::others_write)) != perms::none)
    return refuse("others may write there");
  return {};
}

dxl::Result<void> storage_failure(const fs::path& path, const std::error_code& error) {
  return dxl::fail(ErrorCode::kStorage, fmt::format("{}: {}", path.string(), error.message()));
}

// A directory's own files go, then the directory; what is not ours there stops it.
dxl::Result<void> remove_run(const StatePaths& paths) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(paths.run, error))) {
    fs::remove(paths.ports, error);
    fs::remove(paths.control, error);
  }
  error.clear();
  fs::remove(paths.run, error);
  if (error) return storage_failure(paths.run, error);
  return {};
}

dxl::Result<void> link_run(const StatePaths& paths, const fs::path& directory) {
  std::error_code error;
  if (fs::read_symlink(paths.run, error) == directory) return {};
  if (auto removed = remove_run(paths); !removed) return removed;
  fs::create_symlink(directory, paths.run, error);
  if (error) return storage_failure(paths.run, error);
  return {};
}

}  // namespace

dxl::Result<std::optional<FileLock>> prepare_run_directory(const StatePaths& paths) {
  std::optional<FileLock> lock;
  std::error_code ignored;
  const char* const text = std::getenv(kVariable);
  if (text != nullptr && text[0] != '\0') {
    // Of several, the first.
    const std::string all(text);
    const fs::path directory = all.substr(0, all.find(':'));
    if (auto checked = check_directory(directory); !checked) return dxl::fail(checked.error());
    auto held = FileLock::try_acquire(directory / "lock");
    if (!held) return dxl::fail(held.error());
    lock.emplace(*std::move(held));
    if (auto linked = link_run(paths, directory); !linked) return dxl::fail(linked.error());
  } else if (fs::is_symlink(fs::symlink_status(paths.run, ignored))) {
    if (auto removed = remove_run(paths); !removed) return dxl::fail(removed.error());
  }
  if (auto made = make_private_directory(paths.run); !made) return dxl::fail(made.error());
  fs::remove(paths.ports, ignored);  // of a killed process: nobody may take its port for ours
  return lock;
}

}  // namespace tiara::broker
