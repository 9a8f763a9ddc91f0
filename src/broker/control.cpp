#include "broker/control.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "dxl/json.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxCommand = 8 * 1024;  // with the longest path
constexpr std::size_t kMaxAnswer = 1024 * 1024;
constexpr int kBacklog = 16;
// A caller that stalls holds up the others no longer than this: they are served one at a time.
constexpr std::chrono::seconds kCallerDeadline{5};

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

std::string reason_text() { return std::generic_category().message(errno); }

// A socket address has room for 107 characters only. A longer path is reached through the open
// directory: /proc/self/fd/N/control.sock.
struct SocketAddress {
  sockaddr_un address{};
  Descriptor directory;  // keeps the short name valid
};

dxl::Result<SocketAddress> make_address(const std::filesystem::path& socket) {
  SocketAddress result;
  result.address.sun_family = AF_UNIX;
  std::string name = socket.string();
  if (name.size() >= sizeof(result.address.sun_path)) {
    result.directory =
        Descriptor(::open(socket.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (result.directory.get() < 0) {
      const ErrorCode code = errno == ENOENT ? ErrorCode::kConnect : ErrorCode::kStorage;
      return dxl::fail(code, fmt::format("{}: {}", socket.string(), reason_text()));
    }
    name = fmt::format("/proc/self/fd/{}/{}", result.directory.get(), socket.filename().string());
  }
  if (name.size() >= sizeof(result.address.sun_path))
    return dxl::fail(ErrorCode::kInvalidArgument, "the name of the control socket is too long");
  std::memcpy(result.address.sun_path, name.data(), name.size());
  return result;
}

const sockaddr* generic(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

enum class Wait : std::uint8_t { kReady, kTimedOut, kStopped };

Wait wait_for(int descriptor, short events, int stop, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Wait::kTimedOut;
    std::array<pollfd, 2> set{pollfd{descriptor, events, 0}, pollfd{stop, POLLIN, 0}};
    const int ready = ::poll(set.data(), set.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return Wait::kTimedOut;
    if (ready <= 0) continue;
    return set[1].revents != 0 ? Wait::kStopped : Wait::kReady;
  }
}

// Up to and without the newline. Errors: kTimedOut, kCancelled, kUnavailable (closed), kMalformed.
dxl::Result<std::string> read_line(int descriptor, int stop, std::size_t limit,
                                   Clock::time_point deadline) {
  std::string line;
  std::array<char, 4096> block;
  while (true) {
    const Wait wait = wait_for(descriptor, POLLIN, stop, deadline);
    if (wait == Wait::kTimedOut) return dxl::fail(ErrorCode::kTimedOut, "no answer in time");
    if (wait == Wait::kStopped) return dxl::fail(ErrorCode::kCancelled, "stopping");
    const ssize_t size = ::recv(descriptor, block.data(), block.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) return dxl::fail(ErrorCode::kUnavailable, "closed without an answer");
    line.append(block.data(), static_cast<std::size_t>(size));
    if (const std::size_t end = line.find('\n'); end != std::string::npos) {
      line.resize(end);
      return line;
    }
    if (line.size() > limit) return dxl::fail(ErrorCode::kMalformed, "line too long");
  }
}

bool write_text(int descriptor, std::string_view text, int stop, Clock::time_point deadline) {
  while (!text.empty()) {
    if (wait_for(descriptor, POLLOUT, stop, deadline) != Wait::kReady) return false;
    const ssize_t size = ::send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

// {"error":{"code":"configuration","message":"…"}}
std::string error_text(const dxl::Error& error) {
  std::string text =
      fmt::format("{{\"error\":{{\"code\":\"{}\",\"message\":", to_string(error.code));
  dxl::append_json_string(error.message, text);
  return text + "}}";
}

std::optional<dxl::Error> find_error(const std::string& answer) {
  dxl::JsonDocument document;
  const auto root = document.parse(answer);
  if (!root || !root->is_object())
    return dxl::Error{ErrorCode::kMalformed, "the broker's answer is not a JSON object"};
  const auto member = root->find("error");
  if (!member || !member->is_object()) return std::nullopt;
  const auto text_of = [&member](std::string_view name) {
    const auto value = member->find(name);
    return std::string(value ? value->string().value_or("") : "");
  };
  dxl::Error error{ErrorCode::kUnavailable, text_of("message")};
  const std::string code = text_of("code");
  for (int i = 0; i <= static_cast<int>(ErrorCode::kCancelled); ++i)
    if (to_string(static_cast<ErrorCode>(i)) == code) error.code = static_cast<ErrorCode>(i);
  return error;
}

}  // namespace

struct ControlServer::Impl {
  std::filesystem::path path;
  Handler handle;
  Descriptor listener;
  Descriptor stop;
  std::thread thread;

  void run();
  void serve(int caller);
  dxl::Result<std::string> answer(const std::string& command);
};

void ControlServer::Impl::run() {
  while (true) {
    constexpr std::chrono::hours kNoHurry{1};
    const Wait wait = wait_for(listener.get(), POLLIN, stop.get(), Clock::now() + kNoHurry);
    if (wait == Wait::kStopped) return;
    if (wait == Wait::kTimedOut) continue;
    const Descriptor caller(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (caller.get() >= 0) {
      serve(caller.get());
    } else if (errno != ECONNABORTED && errno != EINTR) {
      base::log(base::LogLevel::kWarning, "control", "cannot accept: {}", reason_text());
      // Out of descriptors, most likely: the listener stays readable, so do not spin on it.
      constexpr std::chrono::milliseconds kPause{200};
      if (wait_for(-1, 0, stop.get(), Clock::now() + kPause) == Wait::kStopped) return;
    }
  }
}

void ControlServer::Impl::serve(int caller) {
  const auto command = read_line(caller, stop.get(), kMaxCommand, Clock::now() + kCallerDeadline);
  if (!command && command.error().code != ErrorCode::kMalformed) return;
  const auto result =
      command ? answer(*command) : dxl::Result<std::string>(dxl::fail(command.error()));
  const std::string text = (result ? *result : error_text(result.error())) + "\n";
  write_text(caller, text, stop.get(), Clock::now() + kCallerDeadline);
}

dxl::Result<std::string> ControlServer::Impl::answer(const std::string& command) {
  try {
    return handle(command);
  } catch (const std::exception& error) {
    return dxl::fail(ErrorCode::kUnavailable, error.what());
  }
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

dxl::Result<std::unique_ptr<ControlServer>> ControlServer::start(
    const std::filesystem::path& socket, Handler handle) {
  const auto failed = [&socket](const char* action) {
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: cannot {}: {}", socket.string(), action, reason_text()));
  };
  const auto address = make_address(socket);
  if (!address) return dxl::fail(address.error());
  auto impl = std::make_unique<Impl>();
  impl->path = socket;
  impl->handle = std::move(handle);
  impl->stop = Descriptor(::eventfd(0, EFD_CLOEXEC));
  impl->listener = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (impl->stop.get() < 0 || impl->listener.get() < 0) return failed("open a socket");
  // The state's lock is ours, so a socket that is still there belongs to nobody.
  ::unlink(socket.c_str());
  if (::bind(impl->listener.get(), generic(*address), sizeof(address->address)) != 0)
    return failed("bind");
  // Nobody can connect before listen(), so the mode is in place in time.
  if (::chmod(socket.c_str(), 0600) != 0) return failed("set the mode of");
  if (::listen(impl->listener.get(), kBacklog) != 0) return failed("listen on");
  Impl* const running = impl.get();
  impl->thread = std::thread([running] { running->run(); });
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::~ControlServer() {
  constexpr std::uint64_t kOne = 1;
  [[maybe_unused]] const ssize_t written = ::write(impl_->stop.get(), &kOne, sizeof(kOne));
  impl_->thread.join();
  ::unlink(impl_->path.c_str());
}

dxl::Result<std::string> control(const std::filesystem::path& socket, const std::string& command,
                                 std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  const auto address = make_address(socket);
  if (!address) return dxl::fail(address.error());
  const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.get() < 0)
    return dxl::fail(ErrorCode::kConnect, "cannot open a socket: " + reason_text());
  // connect() waits while the backlog is full.
  const timeval limit{static_cast<time_t>(timeout.count() / 1000),
                      static_cast<suseconds_t>(timeout.count() % 1000 * 1000)};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (::connect(connection.get(), generic(*address), sizeof(address->address)) != 0) {
    const bool denied = errno == EACCES || errno == EPERM;
    const bool full = errno == EAGAIN;  // somebody listens, and does not take connections
    return dxl::fail(denied ? ErrorCode::kStorage
                     : full ? ErrorCode::kTimedOut
                            : ErrorCode::kConnect,
                     fmt::format("{}: {}", socket.string(), reason_text()));
  }
  constexpr int kNoStop = -1;  // poll() ignores it
  if (!write_text(connection.get(), command + "\n", kNoStop, deadline))
    return dxl::fail(ErrorCode::kUnavailable,
                     fmt::format("{}: the broker does not take the command", socket.string()));
  auto answer = read_line(connection.get(), kNoStop, kMaxAnswer, deadline);
  if (!answer)
    return dxl::fail(answer.error().code,
                     fmt::format("{}: {}", socket.string(), answer.error().message));
  if (auto error = find_error(*answer)) return dxl::fail(std::move(*error));
  return answer;
}

}  // namespace tiara::broker
