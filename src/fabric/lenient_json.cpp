#include "fabric/lenient_json.hpp"

#include <fmt/format.h>

namespace tiara::fabric {
namespace {

constexpr std::string_view kNull = "null";

// Walks over JSON text and knows what a comment and a string are.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  std::string_view rest() const { return text_.substr(at_); }
  char take() { return text_[at_++]; }

  // False if there is none here. One that does not end takes all the rest.
  bool skip_comment() {
    const bool is_block = rest().starts_with("/*");
    if (!is_block && !rest().starts_with("//")) return false;
    const std::size_t end = is_block ? text_.find("*/", at_ + 2) : text_.find_first_of("\r\n", at_);
    at_ = end == std::string_view::npos ? text_.size() : end + (is_block ? 2 : 0);
    return true;
  }

  // From behind the opening quote to behind the closing one.
  std::string_view take_string() {
    const std::size_t begin = at_;
    while (!at_end()) {
      const char c = take();
      if (c == '"') break;
      if (c == '\\' && !at_end()) ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  void skip_space_and_comments() {
    while (!at_end())
      if (std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
        ++at_;
      else if (!skip_comment())
        return;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string cut_object_text(std::string_view payload) {
  Scanner in(payload);
  in.skip_space_and_comments();
  if (in.rest().starts_with(kNull)) return std::string(kNull);
  if (!in.rest().starts_with('{')) return std::string(payload);
  std::string out;
  std::size_t depth = 0;
  do {
    if (in.skip_comment()) {
      out += ' ';
      continue;
    }
    const char c = in.take();
    out += c;
    if (c == '"') out += in.take_string();
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  } while (depth > 0 && !in.at_end());
  return out;
}

dxl::Result<dxl::JsonValue> parse_built_in_request(dxl::JsonDocument& document,
                                                   std::string_view payload) {
  if (payload.size() > kMaxBuiltInPayloadBytes)
    return dxl::fail(dxl::ErrorCode::kLimitExceeded,
                     fmt::format("a request of {} bytes exceeds the limit of {}", payload.size(),
                                 kMaxBuiltInPayloadBytes));
  auto value = document.parse(cut_object_text(payload));
  if (value && !value->is_object() && value->kind() != dxl::JsonValue::Kind::kNull)
    return dxl::fail(dxl::ErrorCode::kMalformed, "expected a JSON object");
  return value;
}

std::string to_text(double number) {
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::optional<std::string> to_text(const dxl::JsonValue& value) {
  if (const auto text = value.string()) return std::string(*text);
  if (const auto flag = value.boolean()) return *flag ? "true" : "false";
  if (const auto number = value.integer()) return std::to_string(*number);
  if (const auto number = value.number()) return to_text(*number);
  if (value.kind() == dxl::JsonValue::Kind::kNull) return std::string();
  return std::nullopt;
}

dxl::Result<std::optional<std::string>> optional_text_member(const dxl::JsonValue& object,
                                                             std::string_view key) {
  const auto value = object.find(key);
  if (!value) return std::nullopt;
  auto text = to_text(*value);
  if (!text)
    return dxl::fail(dxl::ErrorCode::kMalformed, fmt::format("{}: expected a string", key));
  return text;
}

dxl::Result<std::string> text_member(const dxl::JsonValue& object, std::string_view key) {
  auto text = optional_text_member(object, key);
  if (!text) return dxl::fail(std::move(text).error());
  return std::move(*text).value_or("");
}

}  // namespace tiara::fabric
