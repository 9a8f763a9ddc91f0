#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace tiara::base {
namespace {

bool is_between(std::string_view text, std::size_t i, unsigned low, unsigned high) {
  if (i >= text.size()) return false;
  const unsigned byte = static_cast<unsigned char>(text[i]);
  return low <= byte && byte <= high;
}

bool is_continuation(std::string_view text, std::size_t i) {
  return is_between(text, i, 0x80, 0xbf);
}

}  // namespace

std::size_t utf8_character_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return is_continuation(text, 1) ? 2 : 0;
  if (first < 0xf0) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return is_between(text, 1, low, high) && is_continuation(text, 2) ? 3 : 0;
  }
  if (first > 0xf4) return 0;
  const unsigned low = first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
  const bool valid =
      is_between(text, 1, low, high) && is_continuation(text, 2) && is_continuation(text, 3);
  return valid ? 4 : 0;
}

bool is_valid_utf8(std::string_view text) {
  while (true) {
    // Nearly all of it is ASCII: eight bytes at a time.
    std::uint64_t eight = 0;
    while (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080U) != 0) break;
      text.remove_prefix(sizeof eight);
    }
    if (text.empty()) return true;
    const std::size_t bytes = utf8_character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
}

}  // namespace tiara::base
