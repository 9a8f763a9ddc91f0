#include "base/hex.hpp"

#include <array>
#include <cstdint>

namespace tiara::base {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::int8_t kInvalid = -1;

constexpr std::array<std::int8_t, 256> make_base64_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(kInvalid);
  for (int i = 0; i < 64; ++i) {
    values[static_cast<unsigned char>(kBase64Digits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> kBase64Values = make_base64_values();

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return kInvalid;
}

unsigned byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

// Padding is complete or absent: `QQ==` and `QQ`, but not `QQ=`.
std::optional<std::string_view> without_padding(std::string_view text) {
  if (text.empty() || text.back() != '=') return text;
  if (text.size() % 4 != 0) return std::nullopt;
  text.remove_suffix(1);
  if (text.back() == '=') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = kHexDigits[byte_at(bytes, i) >> 4];
    out[2 * i + 1] = kHexDigits[byte_at(bytes, i) & 15U];
  }
  return out;
}

std::optional<std::string> parse_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out(text.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high == kInvalid || low == kInvalid) return std::nullopt;
    out[i] = static_cast<char>(high * 16 + low);
  }
  return out;
}

void append_base64(std::string_view bytes, std::string& out) {
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const unsigned group =
        byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
    const char digits[4] = {kBase64Digits[group >> 18], kBase64Digits[group >> 12 & 63U],
                            kBase64Digits[group >> 6 & 63U], kBase64Digits[group & 63U]};
    out.append(digits, 4);
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 0) return;
  const unsigned group = byte_at(bytes, i) << 16 | (rest == 2 ? byte_at(bytes, i + 1) << 8 : 0U);
  const char digits[4] = {kBase64Digits[group >> 18], kBase64Digits[group >> 12 & 63U],
                          rest == 2 ? kBase64Digits[group >> 6 & 63U] : '=', '='};
  out.append(digits, 4);
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  append_base64(bytes, out);
  return out;
}

std::optional<std::size_t> parse_base64(std::string_view text, std::span<char> out) {
  const std::optional<std::string_view> digits = without_padding(text);
  if (!digits || digits->size() % 4 == 1) return std::nullopt;
  std::uint32_t group = 0;
  unsigned bits = 0;
  std::size_t size = 0;
  for (const char c : *digits) {
    const std::int8_t value = kBase64Values[static_cast<unsigned char>(c)];
    if (value == kInvalid) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    if (size < out.size()) out[size] = static_cast<char>(group >> bits & 0xffU);
    ++size;
  }
  return size;
}

std::optional<std::string> parse_base64(std::string_view text) {
  std::string out(text.size() * 3 / 4, '\0');
  const std::optional<std::size_t> size = parse_base64(text, std::span(out.data(), out.size()));
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

}  // namespace tiara::base
