#include "base/replace_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace tiara::base {
namespace {

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

tl::unexpected<dxl::Error> failure(const std::filesystem::path& file, const char* action) {
  return dxl::fail(dxl::ErrorCode::kStorage, fmt::format("{}: cannot {}: {}", file.string(), action,
                                                         std::generic_category().message(errno)));
}

// So that the new name survives a crash of the machine. What cannot be synced is replaced anyway.
void sync_directory_of(const std::filesystem::path& file) {
  const std::filesystem::path parent = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

dxl::Result<void> replace_private_file(const std::filesystem::path& file, std::string_view text) {
  std::error_code ignored;
  std::filesystem::path target = file;
  if (std::filesystem::is_symlink(file, ignored)) {
    const auto real = std::filesystem::canonical(file, ignored);
    if (!ignored) target = real;
  }
  std::string temporary = target.string() + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (descriptor < 0) return failure(file, "create a temporary file beside it");
  bool written = write_all(descriptor, text) && ::fsync(descriptor) == 0;
  written = ::close(descriptor) == 0 && written;
  if (!written || ::rename(temporary.c_str(), target.c_str()) != 0) {
    auto error = failure(file, written ? "replace" : "write");
    ::unlink(temporary.c_str());
    return error;
  }
  sync_directory_of(target);
  return {};
}

}  // namespace tiara::base
