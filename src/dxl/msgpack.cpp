#include "dxl/msgpack.hpp"

#include <limits>

namespace dxl::msgpack {
namespace {

unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

// Big-endian number of `width` bytes after the first byte of `rest`.
std::optional<std::uint64_t> peek_number(std::string_view rest, std::size_t width) {
  if (rest.size() < 1 + width) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 1; i <= width; ++i) value = value << 8 | byte_of(rest[i]);
  return value;
}

// Width of the length after a str or bin head byte, or nullopt for any other head.
std::optional<std::size_t> length_width(unsigned first) {
  switch (first) {
    case 0xc4:
    case 0xd9:
      return 1;
    case 0xc5:
    case 0xda:
      return 2;
    case 0xc6:
    case 0xdb:
      return 4;
    default:
      return std::nullopt;
  }
}

void append_number(std::uint32_t value, int width, std::string& out) {
  for (int shift = (width - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xffU);
  }
}

void append_headed(unsigned first, std::uint32_t value, int width, std::string& out) {
  out += static_cast<char>(first);
  append_number(value, width, out);
}

// The value's bits as a signed number of `width` bytes.
std::int64_t sign_extended(std::uint64_t bits, std::size_t width) {
  const unsigned unused = static_cast<unsigned>(64 - 8 * width);
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

}  // namespace

std::optional<std::size_t> take_string_size(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const unsigned first = byte_of(rest[0]);
  std::size_t head = 1;
  std::uint64_t length = 0;
  if (first >= 0xa0 && first <= 0xbf) {
    length = first & 0x1fU;
  } else if (const auto width = length_width(first)) {
    const auto number = peek_number(rest, *width);
    if (!number) return std::nullopt;
    head += *width;
    length = *number;
  } else if (first != 0xc0) {
    return std::nullopt;
  }
  rest.remove_prefix(head);
  return length;
}

std::optional<std::string_view> take_string(std::string_view& rest) {
  std::string_view behind = rest;
  const auto size = take_string_size(behind);
  if (!size || behind.size() < *size) return std::nullopt;
  rest = behind.substr(*size);
  return behind.substr(0, *size);
}

std::optional<std::uint32_t> take_array_size(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const unsigned first = byte_of(rest[0]);
  if (first >= 0x90 && first <= 0x9f) {
    rest.remove_prefix(1);
    return first & 0x0fU;
  }
  if (first != 0xdc && first != 0xdd) return std::nullopt;
  const std::size_t width = first == 0xdc ? 2 : 4;
  const auto number = peek_number(rest, width);
  if (!number) return std::nullopt;
  rest.remove_prefix(1 + width);
  return static_cast<std::uint32_t>(*number);
}

std::optional<std::int64_t> take_integer(std::string_view& rest, std::int64_t low,
                                         std::int64_t high) {
  if (rest.empty()) return std::nullopt;
  const unsigned first = byte_of(rest[0]);
  std::size_t width = 0;
  std::int64_t value = 0;
  if (first <= 0x7f) {
    value = first;
  } else if (first >= 0xe0) {
    value = static_cast<std::int64_t>(first) - 256;
  } else if (first >= 0xcc && first <= 0xd3) {
    width = std::size_t{1} << ((first - 0xcc) & 3U);
    const auto bits = peek_number(rest, width);
    if (!bits) return std::nullopt;
    const bool is_signed = first >= 0xd0;
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!is_signed && *bits > kMax) return std::nullopt;
    value = is_signed ? sign_extended(*bits, width) : static_cast<std::int64_t>(*bits);
  } else {
    return std::nullopt;
  }
  if (value < low || value > high) return std::nullopt;
  rest.remove_prefix(1 + width);
  return value;
}

Kind kind_of(char c) {
  const unsigned first = byte_of(c);
  if (first <= 0x7f || first >= 0xe0 || (first >= 0xcc && first <= 0xd3)) return Kind::kInteger;
  if (first <= 0x8f || first == 0xde || first == 0xdf) return Kind::kMap;
  if (first <= 0x9f || first == 0xdc || first == 0xdd) return Kind::kArray;
  if (first <= 0xbf || length_width(first)) return Kind::kString;
  if (first == 0xc0) return Kind::kNil;
  if (first == 0xc1) return Kind::kReserved;
  if (first <= 0xc3) return Kind::kBoolean;
  if (first == 0xca || first == 0xcb) return Kind::kFloat;
  return Kind::kExtension;
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kNil:
      return "nil";
    case Kind::kBoolean:
      return "boolean";
    case Kind::kInteger:
      return "integer";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "string";
    case Kind::kArray:
      return "array";
    case Kind::kMap:
      return "map";
    case Kind::kExtension:
      return "extension";
    case Kind::kReserved:
      return "reserved byte c1";
  }
  return "?";
}

void append_string(std::string_view value, std::string& out) {
  const auto size = static_cast<std::uint32_t>(value.size());
  if (size <= 31) {
    out += static_cast<char>(0xa0U | size);
  } else if (size <= 0xffff) {
    append_headed(0xda, size, 2, out);
  } else {
    append_headed(0xdb, size, 4, out);
  }
  out += value;
}

void append_array_size(std::size_t count, std::string& out) {
  const auto size = static_cast<std::uint32_t>(count);
  if (size <= 15) {
    out += static_cast<char>(0x90U | size);
  } else if (size <= 0xffff) {
    append_headed(0xdc, size, 2, out);
  } else {
    append_headed(0xdd, size, 4, out);
  }
}

void append_unsigned(std::uint32_t value, std::string& out) {
  if (value <= 0x7f) {
    out += static_cast<char>(value);
  } else if (value <= 0xff) {
    append_headed(0xcc, value, 1, out);
  } else if (value <= 0xffff) {
    append_headed(0xcd, value, 2, out);
  } else {
    append_headed(0xce, value, 4, out);
  }
}

void append_signed(std::int32_t value, std::string& out) {
  const auto bits = static_cast<std::uint32_t>(value);
  if (value >= 0) {
    append_unsigned(bits, out);
  } else if (value >= -32) {
    append_number(bits, 1, out);
  } else if (value >= -0x80) {
    append_headed(0xd0, bits, 1, out);
  } else if (value >= -0x8000) {
    append_headed(0xd1, bits, 2, out);
  } else {
    append_int32(value, out);
  }
}

void append_int32(std::int32_t value, std::string& out) {
  append_headed(0xd2, static_cast<std::uint32_t>(value), 4, out);
}

}  // namespace dxl::msgpack
