#include "base/printable.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace tiara::base {
namespace {

// Of a well-formed character of so many bytes.
char32_t decode(std::string_view text, std::size_t bytes) {
  const auto byte = [text](std::size_t i) { return char32_t{static_cast<unsigned char>(text[i])}; };
  if (bytes == 1) return byte(0);
  char32_t value = byte(0) & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) value = (value << 6) | (byte(i) & 0x3FU);
  return value;
}

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool has_no_width(char32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x180E || (c >= 0x200B && c <= 0x200D) ||
         (c >= 0x2060 && c <= 0x206F) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

bool is_blank(char32_t c) {
  return c == ' ' || c == 0xA0 || c == 0x115F || c == 0x1160 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x2800 || c == 0x3000 ||
         c == 0x3164 || c == 0xFFA0;
}

}  // namespace

std::optional<char32_t> find_control(std::string_view text) {
  const std::size_t bytes = utf8_character_bytes(text);
  if (bytes == 0) return std::nullopt;
  const char32_t c = decode(text, bytes);
  return is_control(c) ? std::optional(c) : std::nullopt;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t bytes = utf8_character_bytes(text);
    const auto control = find_control(text);
    if (bytes == 1 ? control.has_value() : bytes == 0)
      fmt::format_to(std::back_inserter(result), "\\x{:02x}",
                     static_cast<unsigned char>(text.front()));
    else if (control)
      fmt::format_to(std::back_inserter(result), "\\u{:04x}", std::uint32_t{*control});
    else
      result.append(text, 0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return result;
}

std::string printable_json(std::string_view json) {
  std::string result;
  while (!json.empty()) {
    const std::size_t bytes = std::max<std::size_t>(utf8_character_bytes(json), 1);
    const auto control = find_control(json);
    if (control && *control >= 0x20)
      fmt::format_to(std::back_inserter(result), "\\u{:04x}", std::uint32_t{*control});
    else
      result.append(json, 0, bytes);
    json.remove_prefix(bytes);
  }
  return result;
}

bool is_readable_name(std::string_view name) {
  bool ends_blank = true;  // also before the first character
  for (bool is_first = true; !name.empty(); is_first = false) {
    const std::size_t bytes = utf8_character_bytes(name);
    if (bytes == 0) return false;
    const char32_t c = decode(name, bytes);
    if (is_control(c) || has_no_width(c) || (is_first && is_blank(c))) return false;
    ends_blank = is_blank(c);
    name.remove_prefix(bytes);
  }
  return !ends_blank;
}

}  // namespace tiara::base
