// Text of others made safe to look at. File names, comments, topics and names in certificates are
// chosen by whoever sends them; none of it may drive a terminal or pass for a line of ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tiara::base {

// The character `text` begins with, if a terminal might obey it or show the text in another order
// than it has: C0, DEL, C1, line separators, marks and overrides of direction.
std::optional<char32_t> find_control(std::string_view text);

// One line: such characters as \x1b or \u202e, bytes that are no UTF-8 as \xff.
std::string printable(std::string_view text);

// The same for JSON that is written already and in which C0 is escaped: stays the same JSON.
std::string printable_json(std::string_view json);

// Whether people can tell such a name from others by looking at it: well-formed, without what
// find_control() finds and what has no width, not blank and with no blank at either end.
bool is_readable_name(std::string_view name);

}  // namespace tiara::base
