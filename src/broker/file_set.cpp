#include "broker/file_set.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "broker/state_directory.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;

constexpr std::string_view kRemove = ".remove";  // such an entry tells that the file goes

fs::path staged(const fs::path& directory) { return directory / ".next.tmp"; }
fs::path committed(const fs::path& directory) { return directory / ".next"; }

tl::unexpected<dxl::Error> failure(const fs::path& path, const std::error_code& error) {
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: cannot replace: {}", path.string(), error.message()));
}

dxl::Result<void> write_staged(const fs::path& directory, const FileSet& files) {
  if (auto made = make_private_directory(staged(directory)); !made) return made;
  for (const auto& [name, text] : files) {
    const fs::path file = staged(directory) / (text ? name : name + std::string(kRemove));
    if (auto written = write_file_atomically(file, text.value_or("")); !written) return written;
  }
  return {};
}

}  // namespace

dxl::Result<void> stage_files(const fs::path& directory, const FileSet& files) {
  if (auto done = finish_files(directory); !done) return done;
  discard_files(directory);
  auto written = write_staged(directory, files);
  if (!written) discard_files(directory);
  return written;
}

// An owner that cannot be kept is the present user, who may then change the file all the same.
void keep_modes(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(staged(directory), ignored)) {
    struct stat old {};
    if (::stat((directory / entry.path().filename()).c_str(), &old) != 0) continue;
    [[maybe_unused]] const int owned = ::chown(entry.path().c_str(), old.st_uid, old.st_gid);
    ::chmod(entry.path().c_str(), old.st_mode & 07777);
  }
}

dxl::Result<void> commit_files(const fs::path& directory) {
  std::error_code error;
  fs::rename(staged(directory), committed(directory), error);
  if (error) return failure(directory, error);
  if (auto synced = sync_directory(directory); !synced) return synced;
  return finish_files(directory);
}

void discard_files(const fs::path& directory) {
  std::error_code ignored;
  fs::remove_all(staged(directory), ignored);
}

dxl::Result<void> replace_files(const fs::path& directory, const FileSet& files) {
  if (auto done = stage_files(directory, files); !done) return done;
  return commit_files(directory);
}

// Every step may be done twice: a name that is gone has been dealt with.
dxl::Result<void> finish_files(const fs::path& directory) {
  std::error_code error;
  const fs::path source = committed(directory);
  if (!fs::is_directory(source, error)) return {};
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(source, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  if (error) return failure(source, error);
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    if (name.ends_with(kRemove)) {
      fs::remove(directory / name.substr(0, name.size() - kRemove.size()), error);
      if (!error) fs::remove(entry, error);
    } else {
      fs::rename(entry, directory / name, error);
    }
    if (error) return failure(directory / name, error);
  }
  if (auto synced = sync_directory(directory); !synced) return synced;
  fs::remove(source, error);
  return {};
}

}  // namespace tiara::broker
