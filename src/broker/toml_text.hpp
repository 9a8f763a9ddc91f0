// TOML as a small tree with line numbers: the one place that knows toml++. For files of an
// operator, whose mistakes must be named by file and line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::broker {

struct TomlValue;
struct TomlMember;
using TomlArray = std::vector<TomlValue>;
using TomlTable = std::vector<TomlMember>;  // in order of the keys' names

struct TomlValue {
  struct Unsupported {};  // dates and times: no file of ours has any
  std::variant<Unsupported, bool, std::int64_t, double, std::string, TomlArray, TomlTable> value;
  std::size_t line = 0;       // where it begins; for a table the line of its header
  std::size_t last_line = 0;  // where it ends, members included

  // Defined where TomlMember is complete.
  TomlValue();
  TomlValue(TomlValue&&) noexcept;
  TomlValue& operator=(TomlValue&&) noexcept;
  ~TomlValue();

  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
};

struct TomlMember {
  std::string key;
  TomlValue value;
};

// kConfiguration: "<name>:<line>: <what is wrong>". Dotted keys of more than 16 parts and brackets
// nested deeper than that are refused, so that no text exhausts the stack.
dxl::Result<TomlTable> parse_toml(std::string_view text, std::string_view name);

// `value` as a basic string with quotes.
std::string toml_string(std::string_view value);

// "<name>:<line>: <message>" as a kConfiguration error.
tl::unexpected<dxl::Error> toml_failure(std::string_view name, std::size_t line,
                                        std::string_view message);

}  // namespace tiara::broker
