#include "tiara/notify.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/log.hpp"

namespace tiara::app {
namespace {

std::optional<std::uint64_t> number_of(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const char* const end = text + std::strlen(text);
  std::uint64_t number = 0;
  const auto read = std::from_chars(text, end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

Notifier Notifier::from_environment() {
  Notifier notifier;
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || (socket[0] != '/' && socket[0] != '@')) return notifier;
  notifier.socket_ = socket;
  const auto allowed = number_of("WATCHDOG_USEC");
  const auto whose = number_of("WATCHDOG_PID");  // absent: whoever gets the message
  if (allowed && *allowed > 1 && (!whose || *whose == static_cast<std::uint64_t>(::getpid())))
    notifier.alive_every_ = std::chrono::microseconds(*allowed / 2);
  return notifier;
}

void Notifier::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n",
                   now.tv_sec * 1'000'000 + now.tv_nsec / 1'000));
}

void Notifier::send(const std::string& message) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return;
  const ssize_t sent = ::sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), size);
  if (sent < 0)
    base::log(base::LogLevel::kDebug, "up", "the service manager does not take messages");
  ::close(descriptor);
}

}  // namespace tiara::app
