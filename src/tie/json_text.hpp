// What the encoders of codec.hpp share. Everything goes straight into the caller's buffer; in
// steady state nothing allocates but the buffer's own growth.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/json.hpp"
#include "tie/reputation.hpp"
#include "tie/rules.hpp"

namespace tie {

// scanType of an API client, "on-demand scan" (§4.8).
inline constexpr int kApiScanType = 3;

void append_number(std::integral auto value, std::string& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// A comma, unless this is the first item of the array or object just opened.
inline void separate(std::string& out) {
  if (out.back() != '[' && out.back() != '{') out += ',';
}

// Calls `append(item)` for each item while the text stays an answer that a message can carry. The
// first that does not fit is taken back and the rest left out. False: something was left out.
template <class Items, class F>
bool append_what_fits(const Items& items, std::string& out, F&& append) {
  for (const auto& item : items) {
    const std::size_t before = out.size();
    append(item);
    if (out.size() <= kMaxAnswerBytes) continue;
    out.resize(before);
    return false;
  }
  return true;
}

// The name and the colon, after a comma if one is needed. Names are ours and need no escapes.
inline void append_name(std::string_view name, std::string& out) {
  separate(out);
  out += '"';
  out += name;
  out += R"(":)";
}
void append_member(std::string_view name, std::integral auto value, std::string& out) {
  append_name(name, out);
  append_number(value, out);
}
inline void append_member(std::string_view name, std::string_view value, std::string& out) {
  append_name(name, out);
  dxl::append_json_string(value, out);
}
inline void append_member(std::string_view name, const std::string& value, std::string& out) {
  append_member(name, std::string_view(value), out);
}
inline void append_member(std::string_view name, const char* value, std::string& out) {
  append_member(name, std::string_view(value), out);
}
inline void append_member(std::string_view name, bool value, std::string& out) {
  append_name(name, out);
  out += value ? "true" : "false";
}
inline void append_member(std::string_view name, TrustLevel level, std::string& out) {
  append_member(name, static_cast<std::int32_t>(level), out);
}
inline void append_member(std::string_view name, Provider provider, std::string& out) {
  append_member(name, static_cast<std::int32_t>(provider), out);
}
inline void append_member(std::string_view name, FileType type, std::string& out) {
  append_member(name, static_cast<std::uint64_t>(type), out);
}
void append_member(std::string_view name, const Sha1& digest, std::string& out);

// Only what is there.
template <class T>
void append_optional(std::string_view name, const std::optional<T>& value, std::string& out) {
  if (value) append_member(name, *value, out);
}
inline void append_text(std::string_view name, std::string_view value, std::string& out) {
  if (!value.empty()) append_member(name, value, out);
}

// Hash objects, comma in front where needed.
void append_hash_items(const FileHashes& hashes, std::string& out);
// The member "hashes".
void append_hash_array(const FileHashes& hashes, std::string& out);
// The member "hashes" with the one sha1 of a certificate, and its public key if known.
void append_certificate_hashes(const Certificate& certificate, std::string& out);
void append_certificate(const Certificate& certificate, std::string& out);

}  // namespace tie
