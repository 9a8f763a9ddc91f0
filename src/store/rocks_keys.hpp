// Keys of the database (docs/store.md, "Keys and values").
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reputation/digest_key.hpp"
#include "store/agent_key.hpp"

namespace tiara::store {

inline constexpr std::uint64_t kFormatVersion = 2;
inline constexpr std::uint64_t kFirstFormatVersion = 1;

enum class Family : char {
  kDigest = 'd',
  kReference = 'r',
  kAgent = 'a',
  kNames = 'n',
  kOverride = 's',
  kOverrideOrder = 'o',
  kUpdate = 'u',
  kLog = 'l',
  kHistory = 'h',
  kMeta = 'm',
};
inline constexpr std::string_view kFormatKey = "mformat";
inline constexpr std::string_view kIdKey = "mid";
inline constexpr std::string_view kChangeKey = "mchange";
inline constexpr std::string_view kAgentsKey = "magents";
inline constexpr std::string_view kAuditKey = "maudit";

inline std::string family_prefix(Family family) {
  return std::string(1, static_cast<char>(family));
}

// Numbers in keys sort by value.
inline constexpr std::size_t kOrderedBytes = 8;
inline void append_ordered(std::uint64_t number, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xffU);
}
inline std::uint64_t ordered_time(std::int64_t time) {
  return std::bit_cast<std::uint64_t>(time) ^ (std::uint64_t{1} << 63);
}
inline std::int64_t time_of_ordered(std::uint64_t number) {
  return std::bit_cast<std::int64_t>(number ^ (std::uint64_t{1} << 63));
}
inline std::optional<std::uint64_t> take_ordered(std::string_view& bytes) {
  if (bytes.size() < kOrderedBytes) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kOrderedBytes; ++i)
    number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  bytes.remove_prefix(kOrderedBytes);
  return number;
}
// A digest key from the front; nullopt if its type is unknown or it is cut short.
inline std::optional<reputation::DigestKey> take_digest_key(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  reputation::DigestKey key;
  key.bytes[0] = static_cast<std::uint8_t>(bytes[0]);
  const std::size_t size = key.view().size();
  if (size < 2 || bytes.size() < size) return std::nullopt;
  for (std::size_t i = 1; i < size; ++i) key.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
  bytes.remove_prefix(size);
  return key;
}

inline void append_digest_key(const reputation::DigestKey& digest, std::string& out) {
  out += 'd';
  out += digest.view();
}
inline std::string digest_key(const reputation::DigestKey& digest) {
  std::string key;
  append_digest_key(digest, key);
  return key;
}
// What every reference of a subject begins with. The digest's length follows from its type, so no
// prefix is the beginning of another one.
inline std::string reference_prefix(const reputation::DigestKey& subject) {
  return std::string("r").append(subject.view());
}
inline std::string reference_key(const reputation::DigestKey& subject, std::string_view agent) {
  return reference_prefix(subject).append(agent_key(agent));
}
inline std::string agent_seen_key(std::string_view agent) {
  return std::string("a").append(agent_key(agent));
}
inline std::string names_key(const reputation::DigestKey& subject) {
  return std::string("n").append(subject.view());
}
inline std::string override_key(const reputation::DigestKey& file) {
  return std::string("s").append(file.view());
}
inline std::string override_order_prefix(const tie::Sha1& certificate) {
  return std::string("o").append(certificate.view());
}
inline std::string override_order_key(const tie::Sha1& certificate, std::int64_t changed,
                                      const reputation::DigestKey& file) {
  std::string key = override_order_prefix(certificate);
  append_ordered(~ordered_time(changed), key);
  return key.append(file.view());
}
inline std::string update_key(std::int64_t time, std::uint64_t change_id) {
  std::string key = "u";
  append_ordered(ordered_time(time), key);
  append_ordered(change_id, key);
  return key;
}
inline std::string log_key(std::uint64_t number) {
  std::string key = "l";
  append_ordered(number, key);
  return key;
}
inline std::string history_prefix(const reputation::DigestKey& digest) {
  return std::string("h").append(digest.view());
}
inline std::string history_key(const reputation::DigestKey& digest, std::uint64_t number) {
  std::string key = history_prefix(digest);
  append_ordered(~number, key);
  return key;
}

}  // namespace tiara::store
