// Keys of the database (docs/store.md, "Keys and values").
#pragma once

#include <string>
#include <string_view>

#include "reputation/digest_key.hpp"
#include "store/agent_key.hpp"

namespace tiara::store {

inline constexpr std::uint64_t kFormatVersion = 1;
inline constexpr char kRecordTag = 'r';
inline constexpr char kPointerTag = 'p';
inline constexpr std::string_view kFormatKey = "mformat";
inline constexpr std::string_view kChangeKey = "mchange";
inline constexpr std::string_view kAgentsKey = "magents";

inline std::string digest_key(const reputation::DigestKey& digest) {
  return std::string("d").append(digest.view());
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

}  // namespace tiara::store
