#include "tiara/audit_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "base/printable.hpp"
#include "tie/reputation.hpp"

namespace tiara::app {
namespace {

using Json = nlohmann::ordered_json;
using store::AuditEntry;

template <class Digest>
std::string hex(const std::optional<Digest>& digest) {
  return digest ? digest->to_hex() : std::string();
}

std::string hex(const store::AuditHash& hash) {
  return base::to_hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::string field(std::string_view text) {
  std::string quoted = "\"";
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    quoted += '\'';
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string line_of(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& text : fields) line += (line.empty() ? "" : ",") + field(text);
  return line;
}

}  // namespace

std::string audit_json(const store::NumberedAuditEntry& numbered) {
  const AuditEntry& entry = numbered.entry;
  Json json{{"number", numbered.number},
            {"time", entry.time},
            {"kind", to_string(entry.kind)},
            {"type", entry.is_certificate ? "cert" : "file"}};
  Json& hashes = json["hashes"] = Json::object();
  if (entry.hashes.md5) hashes["md5"] = hex(entry.hashes.md5);
  if (entry.hashes.sha1) hashes["sha1"] = hex(entry.hashes.sha1);
  if (entry.hashes.sha256) hashes["sha256"] = hex(entry.hashes.sha256);
  json["providerId"] = static_cast<std::int64_t>(entry.provider);
  json["old"] = static_cast<std::int64_t>(entry.old_level);
  json["new"] = static_cast<std::int64_t>(entry.new_level);
  json["comment"] = entry.comment;
  json["actor"] = {{"certificate", entry.actor.certificate},
                   {"name", entry.actor.name},
                   {"clientId", entry.actor.client_id}};
  json["hash"] = hex(numbered.hash);
  return base::printable_json(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string audit_csv_head() {
  return line_of({"number", "time", "kind", "type", "md5", "sha1", "sha256", "providerId", "old",
                  "new", "comment", "certificate", "name", "clientId", "hash"});
}

std::string audit_csv(const store::NumberedAuditEntry& numbered) {
  const AuditEntry& entry = numbered.entry;
  return line_of({fmt::format("{}", numbered.number), fmt::format("{}", entry.time),
                  std::string(to_string(entry.kind)), entry.is_certificate ? "cert" : "file",
                  hex(entry.hashes.md5), hex(entry.hashes.sha1), hex(entry.hashes.sha256),
                  fmt::format("{}", static_cast<std::int64_t>(entry.provider)),
                  fmt::format("{}", static_cast<std::int64_t>(entry.old_level)),
                  fmt::format("{}", static_cast<std::int64_t>(entry.new_level)),
                  base::printable(entry.comment), entry.actor.certificate,
                  base::printable(entry.actor.name), base::printable(entry.actor.client_id),
                  hex(numbered.hash)});
}

std::optional<store::AuditHead> parse_audit_head(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  store::AuditHead head;
  const auto read = std::from_chars(text.data(), text.data() + colon, head.count);
  const auto hash = base::parse_hex(text.substr(colon + 1));
  if (read.ec != std::errc() || read.ptr != text.data() + colon || !hash ||
      hash->size() != head.hash.size())
    return std::nullopt;
  std::transform(hash->begin(), hash->end(), head.hash.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return head;
}

}  // namespace tiara::app
