// Values of the database that are neither records nor audit entries (docs/store.md, "Keys and
// values"). A parser gives nullopt for what the document forbids.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reputation/record.hpp"
#include "store/agent_key.hpp"
#include "store/audit_entry.hpp"
#include "store/elements.hpp"

namespace tiara::store {

// What the value of a digest key begins with.
inline constexpr char kRecordTag = 'r';
inline constexpr char kPointerTag = 'p';
inline constexpr char kCertRecordTag = 'c';

inline std::string varint_value(std::uint64_t value) {
  std::string out;
  append_varint(value, out);
  return out;
}

struct StoredReference {
  std::int64_t time = 0;
  std::string_view agent;  // as received
};
inline std::string reference_value(std::int64_t time, std::string_view agent) {
  std::string out;
  append_signed(time, out);
  return out.append(agent);
}
inline std::optional<StoredReference> parse_reference(std::string_view bytes) {
  const std::optional<std::int64_t> time = take_signed(bytes);
  if (!time) return std::nullopt;
  return StoredReference{.time = *time, .agent = bytes};
}

struct StoredOverride {
  tie::Sha1 certificate;
  std::int64_t changed = 0;
};
inline std::string override_value(const StoredOverride& stored) {
  std::string out(stored.certificate.view());
  append_signed(stored.changed, out);
  return out;
}
inline std::optional<StoredOverride> parse_override(std::string_view bytes) {
  Reader reader(bytes);
  StoredOverride stored;
  stored.certificate = reader.digest<tie::Sha1>("certificate");
  stored.changed = reader.signed_varint("time");
  if (!reader.finish("override")) return std::nullopt;
  return stored;
}

inline std::string names_value(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) append_text(fold_case(name), out);
  return out;
}
inline std::optional<std::vector<std::string>> parse_names(std::string_view bytes) {
  Reader reader(bytes);
  std::vector<std::string> names;
  while (reader.ok() && !reader.at_end() && names.size() < reputation::kMaxNames)
    names.push_back(reader.text("name"));
  if (!reader.finish("names") || names.empty()) return std::nullopt;
  return names;
}

inline std::string head_value(const AuditHead& head) {
  std::string out;
  append_varint(head.count, out);
  return out.append(reinterpret_cast<const char*>(head.hash.data()), head.hash.size());
}
inline std::optional<AuditHash> take_hash(std::string_view& bytes) {
  AuditHash hash{};
  if (bytes.size() < hash.size()) return std::nullopt;
  std::copy_n(bytes.begin(), hash.size(), hash.begin());
  bytes.remove_prefix(hash.size());
  return hash;
}
inline std::optional<AuditHead> parse_head(std::string_view bytes) {
  const std::optional<std::uint64_t> count = take_varint(bytes);
  const std::optional<AuditHash> hash = take_hash(bytes);
  if (!count || !hash || !bytes.empty()) return std::nullopt;
  return AuditHead{.count = *count, .hash = *hash};
}

}  // namespace tiara::store
