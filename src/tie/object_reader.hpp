// Reads the members of a JSON object whose types a peer may have got wrong: the first mistake is
// kept, so that a decoder reads everything and asks once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dxl/json.hpp"

namespace tie {

enum class Need : std::uint8_t { kOptional, kRequired };

// The first mistake found in a payload; empty as long as there is none.
struct Mistake {
  std::string text;
  bool found() const { return !text.empty(); }
  void note(std::string what) {
    if (text.empty()) text = std::move(what);
  }
};

// `object` must be an object. `path` ("file.") comes before member names in messages. Absent and
// null members read as nullopt, a mistake only if required; a member of another type reads as
// nullopt and is always one.
class ObjectReader {
 public:
  ObjectReader(const dxl::JsonValue& object, std::string_view path, Mistake& mistake)
      : object_(object), path_(path), mistake_(mistake) {}

  std::optional<std::int64_t> integer(std::string_view name, Need need = Need::kOptional);
  std::optional<std::int64_t> integer_or_text(std::string_view name, Need need = Need::kOptional);
  // 0, any other integer, or a JSON boolean (§1.2).
  bool flag(std::string_view name);
  std::optional<std::string_view> text(std::string_view name, Need need = Need::kOptional);
  std::optional<dxl::JsonValue> object(std::string_view name, Need need = Need::kOptional);
  std::optional<dxl::JsonValue> array(std::string_view name, Need need = Need::kOptional);
  // Integers from 0 on.
  std::optional<std::uint64_t> count(std::string_view name);
  // For what others judge: of any type.
  std::optional<dxl::JsonValue> value(std::string_view name, Need need = Need::kOptional) {
    return find(name, need);
  }
  const dxl::JsonValue& whole() const { return object_; }
  std::string_view path() const { return path_; }
  // The member as messages name it.
  std::string full_name(std::string_view name) const { return std::string(path_).append(name); }

 private:
  std::optional<dxl::JsonValue> find(std::string_view name, Need need);
  void wrong_type(std::string_view name, std::string_view expected, const dxl::JsonValue& found);

  const dxl::JsonValue& object_;
  std::string_view path_;
  Mistake& mistake_;
};

}  // namespace tie
