// What parses is written out again in canonical form, and that form must parse to itself.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "dxl/json.hpp"

namespace {

void write(const dxl::JsonValue& value, std::string& out) {
  switch (value.kind()) {
    case dxl::JsonValue::Kind::kNull:
      out += "null";
      return;
    case dxl::JsonValue::Kind::kBool:
      out += *value.boolean() ? "true" : "false";
      return;
    case dxl::JsonValue::Kind::kNumber:
      out += std::to_string(value.integer().value_or(0));
      return;
    case dxl::JsonValue::Kind::kString:
      dxl::append_json_string(*value.string(), out);
      return;
    case dxl::JsonValue::Kind::kArray:
      out += '[';
      value.for_each_element([&out](const dxl::JsonValue& element) {
        if (out.back() != '[') out += ',';
        write(element, out);
        return true;
      });
      out += ']';
      return;
    case dxl::JsonValue::Kind::kObject:
      out += '{';
      value.for_each_member([&out](std::string_view key, const dxl::JsonValue& member) {
        if (out.back() != '{') out += ',';
        dxl::append_json_string(key, out);
        out += ':';
        write(member, out);
        return true;
      });
      out += '}';
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static dxl::JsonDocument document;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const dxl::Result<dxl::JsonValue> value = document.parse(text);
  if (!value) return 0;
  std::string first, second;
  write(*value, first);
  const dxl::Result<dxl::JsonValue> again = document.parse(first);
  // Escapes may make the canonical form longer than the limit on payloads; nothing else may fail.
  if (!again) return again.error().code == dxl::ErrorCode::kLimitExceeded ? 0 : (std::abort(), 1);
  write(*again, second);
  if (first != second) std::abort();
  return 0;
}
