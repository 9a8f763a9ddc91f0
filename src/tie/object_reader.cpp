#include "tie/object_reader.hpp"

#include <fmt/format.h>

namespace tie {
namespace {

std::string_view kind_name(dxl::JsonValue::Kind kind) {
  using Kind = dxl::JsonValue::Kind;
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "boolean";
    case Kind::kNumber:
      return "another number";
    case Kind::kString:
      return "string";
    case Kind::kArray:
      return "array";
    case Kind::kObject:
      return "object";
  }
  return "nothing";
}

}  // namespace

std::optional<dxl::JsonValue> ObjectReader::find(std::string_view name, Need need) {
  auto value = object_.find(name);
  if (!value && need == Need::kRequired && !mistake_.found())
    mistake_.text = fmt::format("{}{}: required member is missing", path_, name);
  return value;
}

void ObjectReader::wrong_type(std::string_view name, std::string_view expected,
                              const dxl::JsonValue& found) {
  if (mistake_.found()) return;
  mistake_.text =
      fmt::format("{}{}: expected {}, found {}", path_, name, expected, kind_name(found.kind()));
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view name, Need need) {
  const auto value = find(name, need);
  if (!value) return std::nullopt;
  const auto number = value->integer();
  if (!number) wrong_type(name, "integer", *value);
  return number;
}

std::optional<std::int64_t> ObjectReader::integer_or_text(std::string_view name, Need need) {
  const auto value = find(name, need);
  if (!value) return std::nullopt;
  const auto number = value->integer_or_text();
  if (!number) wrong_type(name, "integer or decimal text", *value);
  return number;
}

std::optional<std::uint64_t> ObjectReader::count(std::string_view name) {
  const auto number = integer(name);
  if (!number) return std::nullopt;
  if (*number >= 0) return static_cast<std::uint64_t>(*number);
  mistake_.note(fmt::format("{}{}: {} is negative", path_, name, *number));
  return std::nullopt;
}

bool ObjectReader::flag(std::string_view name) {
  const auto value = find(name, Need::kOptional);
  if (!value) return false;
  if (const auto boolean = value->boolean()) return *boolean;
  const auto number = value->integer();
  if (!number) wrong_type(name, "integer or boolean", *value);
  return number.value_or(0) != 0;
}

std::optional<std::string_view> ObjectReader::text(std::string_view name, Need need) {
  const auto value = find(name, need);
  if (!value) return std::nullopt;
  const auto text = value->string();
  if (!text) wrong_type(name, "string", *value);
  return text;
}

std::optional<dxl::JsonValue> ObjectReader::object(std::string_view name, Need need) {
  auto value = find(name, need);
  if (value && !value->is_object()) {
    wrong_type(name, "object", *value);
    return std::nullopt;
  }
  return value;
}

std::optional<dxl::JsonValue> ObjectReader::array(std::string_view name, Need need) {
  auto value = find(name, need);
  if (value && !value->is_array()) {
    wrong_type(name, "array", *value);
    return std::nullopt;
  }
  return value;
}

}  // namespace tie
