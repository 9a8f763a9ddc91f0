#include "store/presence.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace tiara::store {
namespace {

// Before CURRENT there is neither a log nor a table, and the first manifest says nothing.
constexpr std::array<std::string_view, 6> kOfABeginning{
    "LOCK", "LOG", "IDENTITY", "MANIFEST-000001", "000001.dbtmp", "lost+found"};

bool holds_nothing(const std::string& name) {
  return name.starts_with("LOG.old.") ||
         std::find(kOfABeginning.begin(), kOfABeginning.end(), name) != kOfABeginning.end();
}

}  // namespace

dxl::Result<Presence> find_store(const std::filesystem::path& directory) {
  std::error_code failure;
  const auto unreadable = [&] {
    return dxl::fail(dxl::ErrorCode::kStorage,
                     fmt::format("store {}: {}", directory.string(), failure.message()));
  };
  const auto status = std::filesystem::status(directory, failure);
  if (status.type() == std::filesystem::file_type::not_found) return Presence::kNone;
  if (failure) return unreadable();
  if (std::filesystem::exists(directory / "CURRENT", failure)) return Presence::kThere;
  auto file = std::filesystem::directory_iterator(directory, failure);
  for (; !failure && file != std::filesystem::directory_iterator(); file.increment(failure))
    if (!holds_nothing(file->path().filename().string())) return Presence::kBroken;
  if (failure) return unreadable();
  return Presence::kNone;
}

dxl::Result<Presence> check_not_broken(const std::filesystem::path& directory) {
  auto found = find_store(directory);
  if (!found || *found != Presence::kBroken) return found;
  return dxl::fail(dxl::ErrorCode::kStorage,
                   fmt::format("store {}: files are there but its CURRENT is missing, so they are "
                               "left as they are; move the directory away and restore a back-up",
                               directory.string()));
}

}  // namespace tiara::store
