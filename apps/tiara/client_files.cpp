#include "tiara/client_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include "broker/state_directory.hpp"

namespace tiara::app {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;

tl::unexpected<dxl::Error> storage_failure(const fs::path& path, const char* action, int error) {
  return dxl::fail(ErrorCode::kStorage, fmt::format("{}: cannot {}: {}", path.string(), action,
                                                    std::generic_category().message(error)));
}

// A directory or a device cannot be replaced by a file, and would be found out half-way.
dxl::Result<void> check_replaceable(const fs::path& file) {
  std::error_code error;
  const auto status = fs::symlink_status(file, error);
  if (!fs::exists(status) || fs::is_regular_file(status) || fs::is_symlink(status)) return {};
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: cannot replace: not a regular file", file.string()));
}

dxl::Result<void> check_replaceable(const fs::path& directory, const broker::FileSet& files) {
  for (const auto& [name, text] : files)
    if (auto checked = check_replaceable(directory / name); !checked) return checked;
  return {};
}

}  // namespace

ClientFiles::ClientFiles(fs::path directory, int descriptor, bool is_new)
    : directory_(std::move(directory)), descriptor_(descriptor), is_new_(is_new) {}

ClientFiles::ClientFiles(ClientFiles&& other) noexcept
    : directory_(std::move(other.directory_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_new_(std::exchange(other.is_new_, false)) {}

ClientFiles::~ClientFiles() {
  std::error_code ignored;
  if (is_new_) fs::remove(directory_, ignored);  // if it is empty
  if (descriptor_ >= 0) ::close(descriptor_);
}

dxl::Result<ClientFiles> ClientFiles::open(const fs::path& directory, Missing missing) {
  const bool is_new = !broker::is_there(directory);
  if (is_new && missing == Missing::kRefuse)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: no such directory", directory.string()));
  if (auto made = broker::make_private_directory(directory); !made)
    return dxl::fail(std::move(made).error());
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return storage_failure(directory, "open", errno);
  ClientFiles files(directory, descriptor, is_new);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    return dxl::fail(ErrorCode::kInUse, fmt::format("{}: another `tiara client` is at work there",
                                                    directory.string()));
  const bool is_unfinished = fs::is_directory(directory / ".next");
  if (auto done = broker::finish_files(directory); !done) return dxl::fail(std::move(done).error());
  if (is_unfinished)
    fmt::print(stderr, "{}: what an interrupted command had begun to write is complete now\n",
               directory.string());
  return files;
}

dxl::Result<void> ClientFiles::check_free(const std::vector<std::string>& names) const {
  for (const std::string& name : names)
    if (broker::is_there(directory_ / name))
      return dxl::fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{}: is there already; --force replaces it", (directory_ / name).string()));
  return {};
}

dxl::Result<void> ClientFiles::write(const broker::FileSet& files) const {
  if (auto checked = check_replaceable(directory_, files); !checked) return checked;
  return broker::replace_files(directory_, files);
}

dxl::Result<void> replace_both(const NewText& one, const NewText& other) {
  std::map<fs::path, broker::FileSet> sets;
  for (const NewText* each : {&one, &other}) {
    const fs::path file = fs::absolute(broker::follow_link(each->file));
    sets[file.parent_path().lexically_normal()][file.filename()] = each->text;
  }
  const auto discard = [&sets] {
    for (const auto& [directory, files] : sets) broker::discard_files(directory);
  };
  for (const auto& [directory, files] : sets) {
    auto done = check_replaceable(directory, files);
    if (done) done = broker::stage_files(directory, files);
    if (!done) {
      discard();
      return done;
    }
    broker::keep_modes(directory);
  }
  for (const auto& [directory, files] : sets)
    if (auto done = broker::commit_files(directory); !done) return done;
  return {};
}

}  // namespace tiara::app
