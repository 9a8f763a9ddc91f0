// Hexadecimal and base64 at the edge: bytes in, text out, and strictly back.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tiara::base {

// Lower-case hexadecimal of `bytes`.
std::string to_hex(std::string_view bytes);

// Accepts either case; nullopt for an odd length or a character that is not a hexadecimal digit.
std::optional<std::string> parse_hex(std::string_view text);

// Standard alphabet with padding.
std::string to_base64(std::string_view bytes);
void append_base64(std::string_view bytes, std::string& out);

// Padding may be missing and unused bits may be non-zero; white space and any other character are
// refused (TIE reference, L14).
std::optional<std::string> parse_base64(std::string_view text);
// The same without allocating: the number of bytes, of which as many as fit are stored in `out`.
std::optional<std::size_t> parse_base64(std::string_view text, std::span<char> out);

}  // namespace tiara::base
