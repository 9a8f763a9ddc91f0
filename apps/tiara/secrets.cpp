#include "tiara/secrets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/printable.hpp"
#include "base/regular_file.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

constexpr char kInterrupt = 3, kEndOfText = 4, kSuspend = 26;
constexpr char kBackspace = 8, kDelete = 127;

tl::unexpected<dxl::Error> refuse(std::string why) {
  return dxl::fail(ErrorCode::kConfiguration, std::move(why));
}

dxl::Result<std::string> checked(std::string secret, const std::string& where) {
  if (secret.empty()) return refuse(where + ": empty");
  if (secret.size() > kLongestSecret)
    return refuse(fmt::format("{}: longer than {} bytes", where, kLongestSecret));
  const bool has_control = std::any_of(secret.begin(), secret.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (has_control) return refuse(where + ": has a control character");
  return secret;
}

std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

// All bytes of it.
void remove_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

dxl::Result<std::string> read_standard_input() {
  std::string text;
  char c = 0;
  while (text.size() <= kLongestSecret + 1) {
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || c == '\n') break;
    text += c;
  }
  return first_line(text);
}

// The terminal of this process with neither echo nor signals from keys, so that no key leaves it
// silent: ^C, ^D and ^Z end the question.
class Terminal {
 public:
  Terminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    is_set_ = descriptor_ >= 0 && ::tcgetattr(descriptor_, &before_) == 0;
    if (!is_set_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    is_set_ = ::tcsetattr(descriptor_, TCSAFLUSH, &silent) == 0;
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (is_set_) ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool is_there() const { return is_set_; }

  // Nothing when the user gave up.
  std::optional<std::string> ask(std::string_view prompt) {
    write(prompt);
    std::string line;
    char c = 0;
    bool is_done = false;
    while (!is_done && next(c)) {
      if (c == kInterrupt || c == kEndOfText || c == kSuspend) break;
      is_done = c == '\n' || c == '\r';
      if (c == kBackspace || c == kDelete)
        remove_last_character(line);
      else if (!is_done && line.size() <= kLongestSecret)
        line += c;
    }
    write("\n");
    return is_done ? std::optional(line) : std::nullopt;
  }

 private:
  bool next(char& c) {
    ssize_t got = 0;
    while ((got = ::read(descriptor_, &c, 1)) < 0 && errno == EINTR) {
    }
    return got == 1;
  }
  void write(std::string_view text) {
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, text.data(), text.size());
  }

  int descriptor_;
  termios before_{};
  bool is_set_ = false;
};

dxl::Result<std::string> ask(const SecretSource& source) {
  Terminal terminal;
  if (!terminal.is_there())
    return refuse(
        fmt::format("{} is needed, and there is no terminal to ask on: give {} FILE or "
                    "set {}",
                    source.what, source.option, source.variable));
  const auto first = terminal.ask(base::printable(source.what) + ": ");
  if (!first) return dxl::fail(ErrorCode::kCancelled, "given up; nothing was changed");
  if (!source.twice) return *first;
  const auto second = terminal.ask("once more: ");
  if (!second) return dxl::fail(ErrorCode::kCancelled, "given up; nothing was changed");
  if (*first != *second) return refuse(source.what + ": the two differ");
  return *first;
}

}  // namespace

dxl::Result<std::string> read_secret(const SecretSource& source) {
  if (source.file == "-") {
    const auto line = read_standard_input();
    return line ? checked(*line, source.option + " -") : line;
  }
  if (!source.file.empty()) {
    const auto text = base::read_regular_head(source.file, kLongestSecret + 2);
    if (!text) return refuse(fmt::format("{}: {}", source.option, text.error().message));
    return checked(first_line(*text), fmt::format("{} {}", source.option, source.file.string()));
  }
  if (const char* value = std::getenv(source.variable.c_str()))
    return checked(value, source.variable);
  auto typed = ask(source);
  return typed ? checked(*std::move(typed), source.what) : typed;
}

}  // namespace tiara::app
