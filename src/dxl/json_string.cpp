#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "dxl/json.hpp"

namespace dxl {
namespace {

void append_escape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const std::size_t bytes = tiara::base::utf8_character_bytes(text);
    const char first = text[0];
    if (bytes == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD: what we write is valid even if what we were given is not
    } else if (bytes == 1 && (static_cast<unsigned char>(first) < 0x20 || first == '"' ||
                              first == '\\' || first == 0x7f)) {
      append_escape(first, out);
    } else {
      out.append(text, 0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  out += '"';
}

}  // namespace dxl
