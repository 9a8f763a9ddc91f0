// Well-formed UTF-8 (Unicode table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace tiara::base {

// Bytes of the well-formed character `text` begins with, 1 to 4; 0 if it begins with anything else.
std::size_t utf8_character_bytes(std::string_view text);

bool is_valid_utf8(std::string_view text);

}  // namespace tiara::base
