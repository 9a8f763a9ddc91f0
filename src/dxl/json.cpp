#include "dxl/json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

namespace dxl {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kFirstCapacity = 4096;
// Objects up to this size are compared pair by pair; larger ones are sorted, or a hostile document
// would cost the square of its size.
constexpr std::size_t kPairwiseMembers = 16;

template <class Range>
struct Span {
  typename Range::iterator at, end;
};
using ArraySpan = Span<simdjson::dom::array>;
using ObjectSpan = Span<simdjson::dom::object>;

// json.hpp reserves room for these without naming them.
template <class Value, class Storage>
constexpr bool kFits = sizeof(Value) <= sizeof(Storage) &&
                       alignof(Value) <= 8 && std::is_trivially_copyable_v<Value>;

template <class Value, class Storage>
Value load(const Storage& storage) {
  static_assert(kFits<Value, Storage>);
  Value value;
  std::memcpy(static_cast<void*>(&value), storage, sizeof value);
  return value;
}

template <class Value, class Storage>
void save(const Value& value, Storage& storage) {
  static_assert(kFits<Value, Storage>);
  std::memcpy(storage, static_cast<const void*>(&value), sizeof value);
}

// simdjson 3.0 passes a lone low surrogate through as three bytes that UTF-8 forbids; everything
// else in a string was validated with the text.
bool has_surrogate(std::string_view text) {
  for (std::size_t i = text.find('\xed'); i != std::string_view::npos;
       i = text.find('\xed', i + 1)) {
    if (i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0xa0) return true;
  }
  return false;
}

tl::unexpected<Error> too_deep(const JsonLimits& limits) {
  return fail(ErrorCode::kLimitExceeded,
              fmt::format("JSON: nested more than depth = {} levels", limits.depth));
}

// What RFC 8259 and simdjson allow but the TIE reference (L14) does not.
class Rules {
 public:
  explicit Rules(const JsonLimits& limits) : limits_(limits) {}

  // `depth` counts the containers around `value`. The parser bounds it, but lets an empty container
  // pass one level deeper than others.
  Result<void> check(const element& value, std::size_t depth) {
    switch (value.type()) {
      case element_type::STRING:
        return check_string(value.get_string().value_unsafe());
      case element_type::ARRAY:
        return check_array(value.get_array().value_unsafe(), depth + 1);
      case element_type::OBJECT:
        return check_object(value.get_object().value_unsafe(), depth + 1);
      default:
        return {};
    }
  }

 private:
  Result<void> check_string(std::string_view text) const {
    if (text.size() > limits_.string_bytes) {
      return fail(ErrorCode::kLimitExceeded,
                  fmt::format("JSON string of {} bytes, string_bytes is {}", text.size(),
                              limits_.string_bytes));
    }
    if (has_surrogate(text)) return fail(ErrorCode::kMalformed, "JSON: lone surrogate escape");
    return {};
  }

  // Copies: value_unsafe() refers to a temporary, which a range-for would not keep.
  Result<void> check_array(simdjson::dom::array array, std::size_t depth) {
    if (depth > limits_.depth) return too_deep(limits_);
    for (const element item : array) {
      if (auto checked = check(item, depth); !checked) return checked;
    }
    return {};
  }

  Result<void> check_object(simdjson::dom::object object, std::size_t depth) {
    if (depth > limits_.depth) return too_deep(limits_);
    keys_.clear();
    for (const auto& member : object) {
      if (auto checked = check_string(member.key); !checked) return checked;
      keys_.push_back(member.key);
    }
    if (const auto twice = find_duplicate()) {
      return fail(ErrorCode::kMalformed, fmt::format("JSON: member \"{}\" given twice", *twice));
    }
    for (const auto& member : object) {
      if (auto checked = check(member.value, depth); !checked) return checked;
    }
    return {};
  }

  std::optional<std::string_view> find_duplicate() {
    if (keys_.size() > kPairwiseMembers) {
      std::sort(keys_.begin(), keys_.end());
      const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
      return twice == keys_.end() ? std::nullopt : std::optional(*twice);
    }
    for (auto key = keys_.begin(); key != keys_.end(); ++key) {
      if (std::find(keys_.begin(), key, *key) != key) return *key;
    }
    return std::nullopt;
  }

  JsonLimits limits_;
  std::vector<std::string_view> keys_;  // of the object being checked; kept for its memory
};

// Senders leave NUL bytes and line ends behind the text (TIE reference §1.3).
std::string_view without_trailer(std::string_view text) {
  const std::size_t last = text.find_last_not_of(std::string_view("\0 \t\r\n", 5));
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

struct JsonDocument::Impl {
  explicit Impl(const JsonLimits& wanted)
      : limits(wanted), parser(std::max(wanted.payload_bytes, kFirstCapacity)), rules(wanted) {}

  // Buffers for `size` bytes; they grow by doubling and stay.
  bool reserve(std::size_t size) {
    if (size <= capacity) return true;
    const std::size_t wanted = std::min(std::max(std::bit_ceil(size), kFirstCapacity),
                                        std::max(limits.payload_bytes, kFirstCapacity));
    // simdjson counts the document itself as a level.
    if (parser.allocate(wanted, limits.depth + 1) != simdjson::SUCCESS) return false;
    if (parser.doc.allocate(wanted) != simdjson::SUCCESS) return false;
    text.resize(wanted + simdjson::SIMDJSON_PADDING);
    capacity = wanted;
    return true;
  }

  JsonLimits limits;
  simdjson::dom::parser parser;
  Rules rules;
  std::vector<char> text;  // the padded copy that simdjson needs
  std::size_t capacity = 0;
};

JsonDocument::JsonDocument(const JsonLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
JsonDocument::~JsonDocument() = default;

Result<JsonValue> JsonDocument::parse(std::string_view text) {
  text = without_trailer(text);
  if (text.size() > impl_->limits.payload_bytes) {
    return fail(ErrorCode::kLimitExceeded, fmt::format("JSON of {} bytes, payload_bytes is {}",
                                                       text.size(), impl_->limits.payload_bytes));
  }
  if (text.empty()) return fail(ErrorCode::kMalformed, "JSON: no text");
  // simdjson versions differ on it; the original clients refuse it.
  if (text.starts_with("\xef\xbb\xbf")) {
    return fail(ErrorCode::kMalformed, "JSON: byte-order mark");
  }
  if (!impl_->reserve(text.size())) return fail(ErrorCode::kUnavailable, "JSON: no memory");
  std::memcpy(impl_->text.data(), text.data(), text.size());
  std::memset(impl_->text.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
  element root;
  if (const auto error = impl_->parser.parse(impl_->text.data(), text.size(), false).get(root)) {
    if (error == simdjson::DEPTH_ERROR) return too_deep(impl_->limits);
    return fail(ErrorCode::kMalformed, fmt::format("JSON: {}", simdjson::error_message(error)));
  }
  if (auto checked = impl_->rules.check(root, 0); !checked) return fail(std::move(checked.error()));
  JsonValue value;
  save(root, value.element_);
  return value;
}

JsonValue::Kind JsonValue::kind() const {
  switch (load<element>(element_).type()) {
    case element_type::ARRAY:
      return Kind::kArray;
    case element_type::OBJECT:
      return Kind::kObject;
    case element_type::STRING:
      return Kind::kString;
    case element_type::BOOL:
      return Kind::kBool;
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return Kind::kNumber;
    case element_type::NULL_VALUE:
      break;
  }
  return Kind::kNull;
}

std::optional<JsonValue> JsonValue::find(std::string_view member) const {
  simdjson::dom::object object;
  element found;
  if (load<element>(element_).get(object) != simdjson::SUCCESS) return std::nullopt;
  if (object.at_key(member).get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
  JsonValue value;
  save(found, value.element_);
  return value;
}

std::optional<std::string_view> JsonValue::string() const {
  std::string_view text;
  if (load<element>(element_).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<bool> JsonValue::boolean() const {
  bool value = false;
  if (load<element>(element_).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<std::int64_t> JsonValue::integer() const {
  const element number = load<element>(element_);
  std::int64_t value = 0;
  if (number.get(value) == simdjson::SUCCESS) return value;
  double real = 0;
  if (!number.is<double>() || number.is<std::uint64_t>()) return std::nullopt;
  if (number.get(real) != simdjson::SUCCESS) return std::nullopt;
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (real < -kLimit || real >= kLimit) return std::nullopt;
  value = static_cast<std::int64_t>(real);
  if (static_cast<double>(value) != real) return std::nullopt;
  return value;
}

std::optional<std::int64_t> JsonValue::integer_or_text() const {
  const std::optional<std::string_view> text = string();
  if (!text) return integer();
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<double> JsonValue::number() const {
  double value = 0;
  if (load<element>(element_).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

JsonValue::ArrayCursor JsonValue::elements() const {
  // Of anything but an array: an empty span.
  ArraySpan span{};
  simdjson::dom::array array;
  if (load<element>(element_).get(array) == simdjson::SUCCESS) span = {array.begin(), array.end()};
  ArrayCursor cursor{};
  save(span, cursor.state);
  return cursor;
}

bool JsonValue::ArrayCursor::next(JsonValue& value) {
  auto span = load<ArraySpan>(state);
  if (!(span.at != span.end)) return false;
  save(*span.at, value.element_);
  ++span.at;
  save(span, state);
  return true;
}

JsonValue::ObjectCursor JsonValue::members() const {
  ObjectSpan span{};
  simdjson::dom::object object;
  if (load<element>(element_).get(object) == simdjson::SUCCESS) {
    span = {object.begin(), object.end()};
  }
  ObjectCursor cursor{};
  save(span, cursor.state);
  return cursor;
}

bool JsonValue::ObjectCursor::next(std::string_view& key, JsonValue& value) {
  auto span = load<ObjectSpan>(state);
  if (!(span.at != span.end)) return false;
  key = span.at.key();
  save(span.at.value(), value.element_);
  ++span.at;
  save(span, state);
  return true;
}

}  // namespace dxl
