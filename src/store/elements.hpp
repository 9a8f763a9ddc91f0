// What every value on disk is made of (docs/store.md, "Elements").
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

namespace tiara::store {

inline constexpr std::size_t kMaxTextBytes = 4096;

void append_varint(std::uint64_t value, std::string& out);
void append_signed(std::int64_t value, std::string& out);
void append_text(std::string_view text, std::string& out);

// Take one from the front of `bytes`; nullopt if it is truncated, too long or not minimal.
std::optional<std::uint64_t> take_varint(std::string_view& bytes);
std::optional<std::int64_t> take_signed(std::string_view& bytes);

// Reads elements in order and remembers the first that is wrong; afterwards it yields defaults.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  bool ok() const { return damaged_ == nullptr; }
  bool at_end() const { return rest_.empty(); }
  void fail(const char* field) {
    if (damaged_ == nullptr) damaged_ = field;
    rest_ = {};
  }
  // Nothing may follow. kStorage with the size of `what` and the damaged field.
  dxl::Result<void> finish(std::string_view what);

  std::uint8_t byte(const char* field);
  std::uint64_t varint(const char* field) { return checked(take_varint(rest_), field); }
  std::int64_t signed_varint(const char* field) { return checked(take_signed(rest_), field); }
  // As wide as an open enumeration of the wire.
  std::int32_t signed_32(const char* field);
  std::string text(const char* field);
  // At most `most`.
  std::size_t count(std::size_t most, const char* field);
  template <class D>
  D digest(const char* field) {
    D value;
    if (rest_.size() < D::kSize) {
      fail(field);
      return value;
    }
    std::copy_n(rest_.begin(), D::kSize, value.bytes.begin());
    rest_.remove_prefix(D::kSize);
    return value;
  }
  template <class D>
  std::optional<D> digest_if(bool present, const char* field) {
    if (!present) return std::nullopt;
    return digest<D>(field);
  }

 private:
  template <class T>
  T checked(std::optional<T> value, const char* field) {
    if (!value) fail(field);
    return value.value_or(T{});
  }

  std::string_view rest_;
  std::size_t size_;
  const char* damaged_ = nullptr;
};

}  // namespace tiara::store
