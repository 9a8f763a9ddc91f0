#include "store/elements.hpp"

#include <fmt/format.h>

namespace tiara::store {

void append_varint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>(0x80 | (value & 0x7f));
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_signed(std::int64_t value, std::string& out) {
  const auto bits = static_cast<std::uint64_t>(value);
  append_varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0), out);
}

void append_text(std::string_view text, std::string& out) {
  append_varint(text.size(), out);
  out += text;
}

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    const std::uint64_t group = byte & 0x7fU;
    if (shift == 63 && group > 1) return std::nullopt;
    value |= group << shift;
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && shift != 0) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::optional<std::int64_t> take_signed(std::string_view& bytes) {
  const std::optional<std::uint64_t> coded = take_varint(bytes);
  if (!coded) return std::nullopt;
  return static_cast<std::int64_t>((*coded >> 1) ^ (~(*coded & 1) + 1));
}

dxl::Result<void> Reader::finish(std::string_view what) {
  if (ok() && !at_end()) fail("its end: bytes behind it");
  if (ok()) return {};
  return dxl::fail(dxl::ErrorCode::kStorage,
                   fmt::format("{} of {} bytes is damaged at {}", what, size_, damaged_));
}

std::uint8_t Reader::byte(const char* field) {
  if (rest_.empty()) {
    fail(field);
    return 0;
  }
  const auto value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::int32_t Reader::signed_32(const char* field) {
  const std::int64_t value = signed_varint(field);
  if (value < std::numeric_limits<std::int32_t>::min() ||
      value > std::numeric_limits<std::int32_t>::max()) {
    fail(field);
    return 0;
  }
  return static_cast<std::int32_t>(value);
}

std::string Reader::text(const char* field) {
  const std::uint64_t size = varint(field);
  if (size > kMaxTextBytes || size > rest_.size()) {
    fail(field);
    return {};
  }
  std::string value(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return value;
}

std::size_t Reader::count(std::size_t most, const char* field) {
  const std::uint64_t value = varint(field);
  if (value > most) {
    fail(field);
    return 0;
  }
  return static_cast<std::size_t>(value);
}

}  // namespace tiara::store
