#include "broker/state_directory.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/regular_file.hpp"
#include "dxl/json.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;

tl::unexpected<dxl::Error> storage_failure(const std::filesystem::path& file, const char* action) {
  const int error = errno;
  return dxl::fail(ErrorCode::kStorage, fmt::format("{}: cannot {}: {}", file.string(), action,
                                                    std::generic_category().message(error)));
}

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

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string holder_of(int descriptor) {
  std::array<char, 24> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string digits(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!digits.empty() && digits.back() == '\n') digits.pop_back();
  const bool is_pid =
      !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  return is_pid ? "process " + digits : "another process";
}

dxl::Result<int> open_lock_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return storage_failure(file, "open the lock");
  return descriptor;
}

// For people and for holder_of() only: the lock itself is the kernel's.
void write_holder(int descriptor) {
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, pid.data(), pid.size(), 0);
  }
}

// The process whose temporary file this is: "<name>.<pid>-<number>.tmp".
std::optional<pid_t> writer_of(std::string_view name) {
  constexpr std::string_view kEnd = ".tmp";
  constexpr std::string_view kDigits = "0123456789";
  if (!name.ends_with(kEnd)) return std::nullopt;
  name.remove_suffix(kEnd.size());
  const std::size_t dash = name.rfind('-'), dot = name.rfind('.');
  if (dot == std::string_view::npos || dash == std::string_view::npos || dash < dot)
    return std::nullopt;
  const std::string_view number = name.substr(dash + 1);
  if (number.empty() || number.find_first_not_of(kDigits) != std::string_view::npos)
    return std::nullopt;
  pid_t pid = 0;
  const auto [stop, failed] = std::from_chars(name.data() + dot + 1, name.data() + dash, pid);
  if (failed != std::errc() || stop != name.data() + dash || pid <= 0) return std::nullopt;
  return pid;
}

int lock_retrying(int descriptor, int operation) {
  int result = 0;
  do {
    result = ::flock(descriptor, operation);
  } while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

StatePaths::StatePaths(std::filesystem::path directory)
    : root(std::move(directory)),
      config(root / "tiara.toml"),
      broker_id(root / "broker-id"),
      keystore(root / "keystore"),
      policy(root / "authorization.toml"),
      policy_lock(root / "authorization.lock"),
      topicauth(root / "topicauth.policy"),
      service(root / "service"),
      admin_client(root / "clients" / "admin"),
      admin_token(root / "admin.token"),
      store(root / "store"),
      run(root / "run"),
      ports(run / "ports.json"),
      control(run / "control.sock"),
      lock(root / "lock"),
      keystore_lock(root / "keystore.lock"),
      revocations(keystore / "revokedcerts.lst"),
      client_change(root / "client.change") {}

dxl::Result<FileLock> FileLock::try_acquire(const std::filesystem::path& file) {
  const dxl::Result<int> descriptor = open_lock_file(file);
  if (!descriptor) return dxl::fail(descriptor.error());
  FileLock lock(*descriptor);
  if (lock_retrying(*descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return storage_failure(file, "lock");
    return dxl::fail(ErrorCode::kInUse,
                     fmt::format("{}: held by {}", file.string(), holder_of(*descriptor)));
  }
  write_holder(*descriptor);
  return lock;
}

dxl::Result<FileLock> FileLock::acquire(const std::filesystem::path& file) {
  const dxl::Result<int> descriptor = open_lock_file(file);
  if (!descriptor) return dxl::fail(descriptor.error());
  FileLock lock(*descriptor);
  if (lock_retrying(*descriptor, LOCK_EX) != 0) return storage_failure(file, "lock");
  write_holder(*descriptor);
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

// The file stays: removing it would let a waiter lock a name that no longer exists.
FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

dxl::Result<void> make_private_directory(const std::filesystem::path& directory) {
  std::error_code error;
  const bool existed = std::filesystem::exists(directory, error);
  if (!existed) std::filesystem::create_directories(directory, error);
  if (!error && !existed)
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (!error && !std::filesystem::is_directory(directory, error) && !error)
    error = std::make_error_code(std::errc::not_a_directory);
  if (error)
    return dxl::fail(ErrorCode::kStorage, fmt::format("{}: cannot create the directory: {}",
                                                      directory.string(), error.message()));
  return {};
}

dxl::Result<void> write_file_atomically(const std::filesystem::path& file, const std::string& text,
                                        unsigned mode) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path temporary = file;
  temporary += fmt::format(".{}-{}.tmp", ::getpid(), counter.fetch_add(1));
  {
    const Descriptor descriptor(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (descriptor.get() < 0) return storage_failure(file, "create a temporary file beside it");
    const bool written = write_all(descriptor.get(), text) &&
                         ::fchmod(descriptor.get(), static_cast<mode_t>(mode)) == 0 &&
                         ::fsync(descriptor.get()) == 0;
    if (!written) {
      auto failure = storage_failure(file, "write");
      ::unlink(temporary.c_str());
      return failure;
    }
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    auto failure = storage_failure(file, "replace");
    ::unlink(temporary.c_str());
    return failure;
  }
  const std::filesystem::path parent = file.has_parent_path() ? file.parent_path() : ".";
  return sync_directory(parent);
}

std::filesystem::path follow_link(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_symlink(file, error)) return file;
  auto target = std::filesystem::canonical(file, error);
  return error ? file : target;
}

void remove_abandoned(const std::filesystem::path& directory) {
  constexpr std::chrono::hours kAge{1};
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    const auto pid = writer_of(at->path().filename().string());
    if (!pid || ::kill(*pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(at->symlink_status(ignored))) continue;
    const auto written = std::filesystem::last_write_time(at->path(), ignored);
    if (!ignored && written < std::filesystem::file_time_type::clock::now() - kAge)
      std::filesystem::remove(at->path(), ignored);
  }
}

dxl::Result<void> sync_directory(const std::filesystem::path& directory) {
  const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0)
    return storage_failure(directory, "sync the directory");
  return {};
}

dxl::Result<std::string> read_file(const std::filesystem::path& file, std::size_t limit) {
  return base::read_regular_file(file, limit);
}

dxl::Result<void> write_ports(const StatePaths& paths, const Ports& ports) {
  std::string text;
  for (const auto& [name, port] : {std::pair("mqtts", ports.mqtts), std::pair("wss", ports.wss),
                                   std::pair("https", ports.https)})
    if (port) text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",", name, *port);
  return write_file_atomically(paths.ports, "{" + text + "}\n");
}

dxl::Result<Ports> read_ports(const StatePaths& paths) {
  constexpr std::size_t kLimit = 4096;
  const dxl::Result<std::string> text = read_file(paths.ports, kLimit);
  if (!text) return dxl::fail(text.error());
  dxl::JsonDocument document;
  const dxl::Result<dxl::JsonValue> root = document.parse(*text);
  if (!root || !root->is_object())
    return dxl::fail(ErrorCode::kMalformed,
                     fmt::format("{}: not a JSON object", paths.ports.string()));
  Ports ports;
  for (const auto& [name, port] : {std::pair("mqtts", &ports.mqtts), std::pair("wss", &ports.wss),
                                   std::pair("https", &ports.https)}) {
    const auto member = root->find(name);
    if (!member) continue;
    const auto number = member->integer();
    if (!number || *number < 1 || *number > 65535)
      return dxl::fail(ErrorCode::kMalformed,
                       fmt::format("{}: {}: not a port number", paths.ports.string(), name));
    *port = static_cast<std::uint16_t>(*number);
  }
  return ports;
}

}  // namespace tiara::broker
