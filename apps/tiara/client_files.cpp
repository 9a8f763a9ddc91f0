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

ClientFiles::ClientFiles(fs::path directory) : directory_(std::move(directory)) {}

ClientFiles::ClientFiles(ClientFiles&& other) noexcept
    : directory_(std::move(other.directory_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      made_(std::exchange(other.made_, {})) {}

ClientFiles::~ClientFiles() {
  std::error_code error;
  for (const fs::path& made : made_)
    if (!error) fs::remove(made, error);  // those that are empty
  if (descriptor_ >= 0) ::close(descriptor_);
}

dxl::Result<ClientFiles> ClientFiles::open(const fs::path& directory, Missing missing) {
  ClientFiles files(directory);
  const fs::path whole = fs::absolute(directory / "").lexically_normal().parent_path();
  for (fs::path at = whole; at.has_relative_path() && !broker::is_there(at); at = at.parent_path())
    files.made_.push_back(at);
  if (!files.made_.empty() && missing == Missing::kRefuse)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: no such directory", directory.string()));
  if (auto made = broker::make_private_directory(whole); !made)
    return dxl::fail(std::move(made).error());
  files.descriptor_ = ::open(whole.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (files.descriptor_ < 0) return storage_failure(directory, "open", errno);
  if (::flock(files.descriptor_, LOCK_EX | LOCK_NB) != 0)
    return dxl::fail(ErrorCode::kInUse, fmt::format("{}: another `tiara client` is at work there",
                                                    directory.string()));
  std::error_code ignored;
  const bool is_unfinished = fs::is_directory(directory / ".next", ignored);
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
