#include "broker/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace tiara::broker {
namespace {

using Kind = Step::Kind;

constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;  // of one line: `*` must not run away

void append(Pattern& to, const Pattern& from) {
  for (const std::size_t place : from.any) to.any.push_back(to.bytes.size() + place);
  to.bytes += from.bytes;
}

void append(Pattern& to, std::string_view bytes) { to.bytes += bytes; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string length_field(std::size_t size) {
  std::string bytes;
  do {
    bytes += static_cast<char>((size & 127U) | (size > 127 ? 128U : 0U));
    size >>= 7;
  } while (size > 0);
  return bytes;
}

// Reads the byte notation: hexadecimal pairs, ??, "text", [ ] and { }, each with an optional *N.
class PatternReader {
 public:
  explicit PatternReader(std::string_view text) : rest_(text) {}

  std::optional<Pattern> read() {
    auto pattern = read_until('\0');
    return rest_.empty() ? pattern : std::nullopt;
  }

 private:
  std::optional<Pattern> read_until(char end) {
    Pattern all;
    while (true) {
      while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
      if (rest_.empty()) return end == '\0' ? std::optional(all) : std::nullopt;
      if (rest_.front() == end) {
        rest_.remove_prefix(1);
        return all;
      }
      const std::optional<Pattern> one = read_one();
      const std::size_t times = one ? read_times() : 0;
      if (times == 0 || times * one->bytes.size() > kMaxBytes) return std::nullopt;
      if (one->bytes.size() == 1 && one->any.empty())
        all.bytes.append(times, one->bytes.front());
      else
        for (std::size_t i = 0; i < times; ++i) append(all, *one);
    }
  }

  std::optional<Pattern> read_one() {
    const char first = rest_.front();
    if (first == '"') return read_text();
    if (first == '[' || first == '{') return read_group(first);
    if (rest_.size() < 2) return std::nullopt;
    Pattern byte;
    const int high = hex_digit(first), low = hex_digit(rest_[1]);
    if (rest_.substr(0, 2) == "??") {
      byte = {"?", {0}};
    } else if (high >= 0 && low >= 0) {
      append(byte, std::string(1, static_cast<char>(high * 16 + low)));
    } else {
      return std::nullopt;
    }
    rest_.remove_prefix(2);
    return byte;
  }

  std::optional<Pattern> read_text() {
    const std::size_t end = rest_.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    Pattern text;
    append(text, rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::optional<Pattern> read_group(char open) {
    rest_.remove_prefix(1);
    const auto inner = read_until(open == '[' ? ']' : '}');
    if (!inner) return std::nullopt;
    const std::size_t size = inner->bytes.size();
    Pattern group;
    if (open == '[')
      append(group, std::string{static_cast<char>(size >> 8), static_cast<char>(size & 255)});
    else
      append(group, length_field(size));
    append(group, *inner);
    return group;
  }

  // 1 unless `*N` follows; 0 if that is not a number.
  std::size_t read_times() {
    if (rest_.empty() || rest_.front() != '*') return 1;
    std::size_t times = 0;
    const auto [end, error] = std::from_chars(rest_.data() + 1, rest_.data() + rest_.size(), times);
    if (error != std::errc{}) return 0;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return times;
  }

  std::string_view rest_;
};

// Takes the next word off the front of `text`.
std::string_view take_word(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

bool parse_closed(std::string_view rest, Step& step) {
  const std::string_view within = take_word(rest), seconds = take_word(rest);
  if (within.empty()) return true;
  int count = 0;
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), count);
  step.patience = std::chrono::seconds(count);
  return within == "within" && error == std::errc{} && end == seconds.data() + seconds.size();
}

// Appends the steps of one line; false if it is not one.
bool parse_line(std::string_view line, std::size_t number, std::vector<Step>& steps) {
  std::string_view rest = line;
  std::string_view peer = take_word(rest);
  Step step;
  step.line = number;
  const bool arrow = peer.ends_with('>') || peer.ends_with('<');
  const std::string_view verb = arrow ? peer.substr(peer.size() - 1) : take_word(rest);
  if (arrow) peer.remove_suffix(1);
  if (peer.empty()) return false;
  step.peer = peer;
  if (verb == ">" || verb == "<" || verb == "skips") {
    step.kind = verb == ">" ? Kind::kSend : verb == "<" ? Kind::kExpect : Kind::kSkip;
    auto pattern = PatternReader(rest).read();
    if (!pattern || pattern->bytes.empty()) return false;
    step.pattern = *std::move(pattern);
  } else if (verb == "closed") {
    step.kind = Kind::kClosed;
    if (!parse_closed(rest, step)) return false;
  } else if (verb == "drops") {
    step.kind = Kind::kDrop;
  } else if (verb == "open") {
    append(step.pattern, std::string_view("\xc0\0", 2));
    steps.push_back(step);
    step.kind = Kind::kExpect;
    step.pattern = {};
    append(step.pattern, std::string_view("\xd0\0", 2));
  } else {
    return false;
  }
  steps.push_back(std::move(step));
  return true;
}

}  // namespace

bool Pattern::matches_start_of(std::string_view text) const {
  if (text.size() < bytes.size()) return false;
  if (any.empty()) return text.starts_with(bytes);
  std::string wanted = bytes;
  for (const std::size_t place : any) wanted[place] = text[place];
  return text.starts_with(wanted);
}

dxl::Result<std::vector<Step>> parse_conversation(std::string_view text) {
  std::vector<Step> steps;
  std::string pending;  // a line and those that continue it
  std::size_t number = 0, pending_number = 0;
  bool good = true;
  const auto finish = [&] {
    good = pending.empty() || parse_line(pending, pending_number, steps);
    pending.clear();
    return good;
  };
  while (good && !text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (!line.empty() && line.front() == ' ' && !pending.empty()) {
      pending += line;
      continue;
    }
    if (!finish()) break;
    if (line.empty() || line.front() == '#') continue;
    pending = line;
    pending_number = number;
  }
  if (!good || !finish())
    return dxl::fail(dxl::ErrorCode::kMalformed,
                     fmt::format("line {}: not a line of a conversation", pending_number));
  return steps;
}

std::vector<Step> merge_sends(const std::vector<Step>& steps) {
  std::vector<Step> merged;
  std::optional<std::size_t> open;  // the send that may still grow
  for (const Step& step : steps) {
    const bool same = open && merged[*open].peer == step.peer;
    if (same && step.kind == Kind::kSend) {
      append(merged[*open].pattern, step.pattern);
      continue;
    }
    if (step.kind == Kind::kSend)
      open = merged.size();
    else if (!same || step.kind != Kind::kExpect)
      open.reset();
    merged.push_back(step);
  }
  return merged;
}

std::string to_hex_dump(std::string_view bytes) {
  constexpr std::size_t kMost = 96;
  std::string text;
  for (const char byte : bytes.substr(0, kMost))
    text += fmt::format("{:02x} ", static_cast<unsigned char>(byte));
  return bytes.size() > kMost ? text + fmt::format("… ({} bytes)", bytes.size()) : text;
}

}  // namespace tiara::broker
