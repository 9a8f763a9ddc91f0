#include "json_text.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

namespace sample {
namespace {

struct Value;
using Members = std::vector<std::pair<std::string, Value>>;
struct Value {
  std::variant<std::int64_t, std::string, Members> is;
};

std::string quoted(const std::string& text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += std::string("\\u00") + kDigits[(c >> 4) & 15] + kDigits[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string print(const Value& value, const std::string& indent) {
  if (const auto* number = std::get_if<std::int64_t>(&value.is)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value.is)) return quoted(*text);
  const Members& members = std::get<Members>(value.is);
  if (members.empty()) return "{}";
  const std::string deeper = indent + "    ";
  std::string out = "{\n";
  for (const auto& [key, member] : members) {
    out += deeper + quoted(key) + ": " + print(member, deeper);
    out += &member == &members.back().second ? "\n" : ",\n";
  }
  return out + indent + "}";
}

// Callers give members in the order of their keys.
std::string print(Members members) { return print(Value{std::move(members)}, ""); }

Value hashes(const tie::FileHashes& hashes) {
  Members members;
  if (hashes.md5) members.emplace_back("md5", Value{hashes.md5->to_hex()});
  if (hashes.sha1) members.emplace_back("sha1", Value{hashes.sha1->to_hex()});
  if (hashes.sha256) members.emplace_back("sha256", Value{hashes.sha256->to_hex()});
  return {std::move(members)};
}

Value entry(const tie::Reputation& reputation) {
  Members attributes;
  for (const auto& [id, value] : reputation.attributes) attributes.emplace_back(id, Value{value});
  std::sort(attributes.begin(), attributes.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return {
      Members{{"attributes", {std::move(attributes)}},
              {"createDate", {reputation.create_date}},
              {"providerId", {std::int64_t{static_cast<std::int32_t>(reputation.provider)}}},
              {"trustLevel", {std::int64_t{static_cast<std::int32_t>(reputation.trust_level)}}}}};
}

Members entries(const tie::Reputations& reputations) {
  auto sorted = reputations.entries;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.provider < b.provider; });
  Members members;
  for (const tie::Reputation& reputation : sorted) {
    members.emplace_back(std::to_string(static_cast<std::int32_t>(reputation.provider)),
                         entry(reputation));
  }
  return members;
}

Members certificate(const tie::Certificate& certificate) {
  Members members{{"hashes", {Members{{"sha1", {certificate.sha1.to_hex()}}}}}};
  if (certificate.public_key_sha1) {
    members.emplace_back("publicKeySha1", Value{certificate.public_key_sha1->to_hex()});
  }
  return members;
}

template <class Change>
void add_snapshots(const Change& change, Members& members) {
  members.emplace_back("newReputations", Value{entries(change.new_reputations)});
  members.emplace_back("oldReputations", Value{entries(change.old_reputations)});
}

}  // namespace

std::string to_json(const tie::Reputations& reputations) { return print(entries(reputations)); }

std::string to_json(const tie::FileReputationChange& change) {
  Members members{{"hashes", hashes(change.hashes)}};
  add_snapshots(change, members);
  if (change.signer) {
    members.emplace_back("relationships",
                         Value{Members{{"certificate", {certificate(*change.signer)}}}});
  }
  members.emplace_back("updateTime", Value{change.update_time});
  return print(std::move(members));
}

std::string to_json(const tie::CertificateReputationChange& change) {
  Members names = certificate(change.certificate);
  Members members{std::move(names.front())};
  add_snapshots(change, members);
  if (names.size() > 1) members.push_back(std::move(names.back()));
  members.emplace_back("updateTime", Value{change.update_time});
  return print(std::move(members));
}

std::string to_json(const tie::Detection& detection) {
  Members members{{"agentGuid", {detection.agent_guid}},
                  {"detectionTime", {detection.detection_time}},
                  {"hashes", hashes(detection.hashes)},
                  {"localReputation", {detection.local_reputation}}};
  if (!detection.name.empty()) members.emplace_back("name", Value{detection.name});
  members.emplace_back("remediationAction", Value{detection.remediation_action});
  return print(std::move(members));
}

std::string to_json(const tie::FirstInstance& instance) {
  Members members{{"agentGuid", {instance.agent_guid}}, {"hashes", hashes(instance.hashes)}};
  if (!instance.name.empty()) members.emplace_back("name", Value{instance.name});
  return print(std::move(members));
}

}  // namespace sample
