#include "broker/toml_text.hpp"

#include <toml++/toml.h>

namespace tiara::broker {
namespace {

TomlValue convert(const toml::node& node);

TomlTable convert_table(const toml::table& table) {
  TomlTable result;
  result.reserve(table.size());
  for (const auto& [key, node] : table) result.push_back({std::string(key.str()), convert(node)});
  return result;
}

// Recursion is bounded: the parser refuses nesting beyond TOML_MAX_NESTED_VALUES (256).
TomlValue convert(const toml::node& node) {
  TomlValue result;
  result.line = node.source().begin.line;
  result.last_line = std::max(result.line, std::size_t{node.source().end.line});
  if (const auto* boolean = node.as_boolean()) result.value = boolean->get();
  if (const auto* integer = node.as_integer()) result.value = integer->get();
  if (const auto* number = node.as_floating_point()) result.value = number->get();
  if (const auto* text = node.as_string()) result.value = text->get();
  if (const auto* table = node.as_table()) {
    TomlTable members = convert_table(*table);
    for (const TomlMember& member : members)
      result.last_line = std::max(result.last_line, member.value.last_line);
    result.value = std::move(members);
  }
  if (const auto* array = node.as_array()) {
    TomlArray elements;
    elements.reserve(array->size());
    for (const toml::node& element : *array) elements.push_back(convert(element));
    for (const TomlValue& element : elements)
      result.last_line = std::max(result.last_line, element.last_line);
    result.value = std::move(elements);
  }
  return result;
}

}  // namespace

TomlValue::TomlValue() = default;
TomlValue::TomlValue(TomlValue&&) noexcept = default;
TomlValue& TomlValue::operator=(TomlValue&&) noexcept = default;
TomlValue::~TomlValue() = default;

dxl::Result<TomlTable> parse_toml(std::string_view text, std::string_view name) {
  // Debian's library is built with exceptions; they end here.
  try {
    return convert_table(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return toml_failure(name, error.source().begin.line, error.description());
  } catch (const std::exception& error) {
    return toml_failure(name, 0, error.what());
  }
}

std::string toml_string(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\')
      text.append({'\\', c});
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      text += c;
  }
  return text + '"';
}

tl::unexpected<dxl::Error> toml_failure(std::string_view name, std::size_t line,
                                        std::string_view message) {
  return dxl::fail(dxl::ErrorCode::kConfiguration, fmt::format("{}:{}: {}", name, line, message));
}

}  // namespace tiara::broker
