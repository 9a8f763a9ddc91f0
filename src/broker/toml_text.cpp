#include "broker/toml_text.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>

namespace tiara::broker {
namespace {

constexpr std::size_t kMaxTomlDepth = 16;

TomlValue convert(const toml::node& node);

TomlTable convert_table(const toml::table& table) {
  TomlTable result;
  result.reserve(table.size());
  for (const auto& [key, node] : table) result.push_back({std::string(key.str()), convert(node)});
  return result;
}

// Recursion is bounded: DepthScan has refused what nests deeper.
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

// Looks at the text before the parser does, which recurses for every part of a dotted key and so
// can be driven out of its stack. Knows of TOML what it takes to tell a key from a string: as long
// as the text is well-formed, both see the same; the parser stops where it is not.
class DepthScan {
 public:
  explicit DepthScan(std::string_view text) : rest_(text) {}

  // The line on which keys or brackets nest deeper than kMaxTomlDepth.
  std::optional<std::size_t> find_deep_line() {
    while (!rest_.empty())
      if (!step()) return line_;
    return std::nullopt;
  }

 private:
  // False: too deep.
  bool step() {
    const char c = rest_.front();
    if (c == '"' || c == '\'') return skip_string(c);
    if (c == '#') return skip(std::min(rest_.find('\n'), rest_.size()));
    if (c == '.') return ++dots_ < kMaxTomlDepth && skip(1);
    // A key ends at all of these, whatever comes next.
    if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) dots_ = 0;
    if (c == '[' || c == '{') return ++brackets_ <= kMaxTomlDepth && skip(1);
    if ((c == ']' || c == '}') && brackets_ > 0) --brackets_;
    return skip(1);
  }

  bool skip(std::size_t size) {
    const std::string_view gone = rest_.substr(0, size);
    line_ += static_cast<std::size_t>(std::count(gone.begin(), gone.end(), '\n'));
    rest_.remove_prefix(size);
    return true;
  }

  bool skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = rest_.starts_with(three);
    const std::string_view end = std::string_view(three).substr(0, is_long ? 3 : 1);
    std::size_t at = end.size();
    while (at < rest_.size() && !rest_.substr(at).starts_with(end)) {
      if (!is_long && rest_[at] == '\n') return skip(at);  // not closed: the parser will say so
      at += rest_[at] == '\\' && quote == '"' ? 2 : 1;
    }
    at += end.size();
    // A long string may end with quotes of its own, before the three.
    for (int more = 0; is_long && more < 2 && at < rest_.size() && rest_[at] == quote; ++more) ++at;
    return skip(std::min(at, rest_.size()));
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  std::size_t dots_ = 0;
  std::size_t brackets_ = 0;
};

}  // namespace

TomlValue::TomlValue() = default;
TomlValue::TomlValue(TomlValue&&) noexcept = default;
TomlValue& TomlValue::operator=(TomlValue&&) noexcept = default;
TomlValue::~TomlValue() = default;

dxl::Result<TomlTable> parse_toml(std::string_view text, std::string_view name) {
  if (const auto deep = DepthScan(text).find_deep_line())
    return toml_failure(
        name, *deep,
        fmt::format("keys and brackets nested deeper than {}; no file of ours needs more than 3",
                    kMaxTomlDepth));
  // Debian's library is built with exceptions; they end here.
  try {
    return convert_table(toml::parse(text));
  } catch (const toml::parse_error& error) {
    std::string what(error.description());
    if (what.find("redefine existing table") != std::string::npos)
      what += "; write all keys of a table under one header";
    return toml_failure(name, error.source().begin.line, what);
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
