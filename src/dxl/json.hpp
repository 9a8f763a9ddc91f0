// Strict JSON from a peer: one place that knows simdjson's name. Used by the TIE codec, the
// fabric's built-in topics and the authorization extension.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

namespace dxl {

struct JsonLimits {
  std::size_t payload_bytes = 1024 * 1024;
  std::size_t string_bytes = 64 * 1024;
  std::size_t depth = 32;
};

// A parsed document, reusable: parse() keeps its buffers, so steady state allocates nothing. One
// thread at a time. Refused: invalid UTF-8, a lone surrogate escape, a member given twice, over a
// limit (TIE reference L14). Trailing NUL bytes and white space are stripped first, in any order.
class JsonDocument;

// A value inside a document; valid until its next parse(). Absent and null members read as nullopt.
class JsonValue {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind() const;
  bool is_object() const { return kind() == Kind::kObject; }
  bool is_array() const { return kind() == Kind::kArray; }

  std::optional<JsonValue> find(
      std::string_view member) const;  // objects only; nullopt for null as well
  std::optional<std::string_view> string() const;
  std::optional<bool> boolean() const;
  // Integer or integer-valued float; never a boolean or a string.
  std::optional<std::int64_t> integer() const;
  // The same, or a decimal integer string (TIE reference §1.2).
  std::optional<std::int64_t> integer_or_text() const;
  // Any number, as near as a double comes to it.
  std::optional<double> number() const;

  // Calls `f(JsonValue)` for each array element, or `f(std::string_view key, JsonValue)` for each
  // member, until it returns false.
  template <class F>
  void for_each_element(F&& f) const;
  template <class F>
  void for_each_member(F&& f) const;

 private:
  friend class JsonDocument;
  // Opaque copy of a simdjson element; the size is checked where simdjson is known.
  alignas(8) unsigned char element_[16];
  struct ArrayCursor {
    alignas(8) unsigned char state[32];
    bool next(JsonValue& value);
  };
  struct ObjectCursor {
    alignas(8) unsigned char state[32];
    bool next(std::string_view& key, JsonValue& value);
  };
  ArrayCursor elements() const;
  ObjectCursor members() const;
};

class JsonDocument {
 public:
  explicit JsonDocument(const JsonLimits& limits = {});
  ~JsonDocument();
  // kMalformed with what is wrong, kLimitExceeded with the limit.
  Result<JsonValue> parse(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <class F>
void JsonValue::for_each_element(F&& f) const {
  ArrayCursor cursor = elements();
  JsonValue value;
  while (cursor.next(value))
    if (!f(value)) return;
}
template <class F>
void JsonValue::for_each_member(F&& f) const {
  ObjectCursor cursor = members();
  JsonValue value;
  std::string_view key;
  while (cursor.next(key, value))
    if (!f(key, value)) return;
}

// Appends `text` as a JSON string with quotes; everything outside ASCII stays as UTF-8, control
// characters are escaped.
void append_json_string(std::string_view text, std::string& out);

}  // namespace dxl
