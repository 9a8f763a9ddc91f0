// The three kinds of msgpack objects in a DXL message, read from the front of a cursor (DXL
// reference §2.2). Each take_ function moves `rest` past the object only on success.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dxl::msgpack {

// Any str or bin form, or nil as the empty string.
std::optional<std::string_view> take_string(std::string_view& rest);

// The head of such an object alone: the bytes of the string, which follow in `rest` or later.
std::optional<std::size_t> take_string_size(std::string_view& rest);

// Elements of any array form; the elements themselves follow.
std::optional<std::uint32_t> take_array_size(std::string_view& rest);

// Any integer form within `low` … `high`.
std::optional<std::int64_t> take_integer(std::string_view& rest, std::int64_t low,
                                         std::int64_t high);

enum class Kind : std::uint8_t {
  kNil,
  kBoolean,
  kInteger,
  kFloat,
  kString,  // str and bin alike
  kArray,
  kMap,
  kExtension,
  kReserved  // c1, which msgpack never uses
};
Kind kind_of(char first);
std::string_view to_string(Kind kind);

// Raw family and minimal headers only. Sizes beyond 32 bits cannot be written: callers are bounded
// by the message limit.
void append_string(std::string_view value, std::string& out);
void append_array_size(std::size_t count, std::string& out);
void append_unsigned(std::uint32_t value, std::string& out);
// The shortest form with this value, positive or negative.
void append_signed(std::int32_t value, std::string& out);
// Always `d2` and four bytes.
void append_int32(std::int32_t value, std::string& out);

}  // namespace dxl::msgpack
