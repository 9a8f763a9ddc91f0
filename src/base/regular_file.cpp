#include "base/regular_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace tiara::base {
namespace {

using dxl::ErrorCode;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

tl::unexpected<dxl::Error> failure(const std::filesystem::path& file, const char* action,
                                   const std::string& why) {
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: cannot {}: {}", file.string(), action, why));
}

std::string reason(int error) { return std::generic_category().message(error); }

// Opening a pipe for reading waits for a writer, and opening some devices does something: neither
// happens with O_NONBLOCK, which means nothing to a regular file.
dxl::Result<int> open_regular(const std::filesystem::path& file) {
  const int opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (opened < 0) return failure(file, "open", reason(errno));
  struct stat status {};
  if (::fstat(opened, &status) == 0 && S_ISREG(status.st_mode)) return opened;
  ::close(opened);
  return failure(file, "read", S_ISDIR(status.st_mode) ? reason(EISDIR) : "not a regular file");
}

dxl::Result<std::string> read_at_most(const std::filesystem::path& file, std::size_t size) {
  const auto opened = open_regular(file);
  if (!opened) return dxl::fail(opened.error());
  const Descriptor descriptor(*opened);
  std::string text;
  std::array<char, 16 * 1024> block;
  while (text.size() < size) {
    const ssize_t got =
        ::read(descriptor.get(), block.data(), std::min(block.size(), size - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(file, "read", reason(errno));
    if (got == 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

dxl::Result<std::string> read_regular_file(const std::filesystem::path& file, std::size_t limit) {
  auto text = read_at_most(file, limit + 1);
  if (text && text->size() > limit)
    return dxl::fail(ErrorCode::kLimitExceeded,
                     fmt::format("{}: larger than {} bytes", file.string(), limit));
  return text;
}

dxl::Result<std::string> read_regular_head(const std::filesystem::path& file, std::size_t size) {
  return read_at_most(file, size);
}

}  // namespace tiara::base
