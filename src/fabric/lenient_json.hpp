// The payload of a built-in request, with what the original broker forgives (DXL reference §5.6).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/json.hpp"
#include "dxl/result.hpp"

namespace tiara::fabric {

// Longer payloads of built-in requests are refused.
inline constexpr std::size_t kMaxBuiltInPayloadBytes = 256 * 1024;

// `payload` up to the end of its top-level object (or of a leading `null`), with C and C++ comments
// outside strings turned into a space each. Text that begins with anything else comes back as it
// is. Checks nothing: the strict parser does.
std::string cut_object_text(std::string_view payload);

// An object, or null, which stands for an empty one: find() sees nothing in either. Everything else
// is kMalformed.
dxl::Result<dxl::JsonValue> parse_built_in_request(dxl::JsonDocument& document,
                                                   std::string_view payload);

// A number that shows it is none of integers (`5.0`): the shortest text that reads back the same.
std::string to_text(double number);
// Scalars as text, as the original turns them into it; nullopt for an array or object.
std::optional<std::string> to_text(const dxl::JsonValue& value);
// The same for a member; empty if missing or null.
dxl::Result<std::string> text_member(const dxl::JsonValue& object, std::string_view key);
// The same; nullopt if missing or null.
dxl::Result<std::optional<std::string>> optional_text_member(const dxl::JsonValue& object,
                                                             std::string_view key);

}  // namespace tiara::fabric
