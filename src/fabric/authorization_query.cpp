#include "fabric/authorization_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace tiara::fabric {
namespace {

struct Query {
  Direction direction = Direction::kSend;
  std::vector<std::string> topics;
  std::string certificate;  // empty: the asker's own
};

dxl::Result<Query> parse(dxl::JsonDocument& document, std::string_view payload) {
  const auto object = document.parse(payload);
  if (!object) return dxl::fail(object.error());
  if (!object->is_object()) return dxl::fail(dxl::ErrorCode::kMalformed, "expected a JSON object");
  Query query;
  const auto direction = object->find("direction");
  const auto word = direction ? direction->string() : std::nullopt;
  if (word != "send" && word != "receive")
    return dxl::fail(dxl::ErrorCode::kMalformed, "direction: expected \"send\" or \"receive\"");
  query.direction = word == "send" ? Direction::kSend : Direction::kReceive;

  const auto topics = object->find("topics");
  bool good = topics && topics->is_array();
  if (good)
    topics->for_each_element([&](const dxl::JsonValue& element) {
      const auto topic = element.string();
      good = topic && query.topics.size() < kMaxQueriedTopics;
      if (good) query.topics.emplace_back(*topic);
      return good;
    });
  if (!good)
    return dxl::fail(dxl::ErrorCode::kMalformed,
                     fmt::format("topics: expected a list of up to {} strings", kMaxQueriedTopics));

  if (const auto certificate = object->find("certificate")) {
    const auto text = certificate->string();
    if (!text || text->empty())
      return dxl::fail(dxl::ErrorCode::kMalformed, "certificate: expected a thumbprint");
    query.certificate = *text;
    std::transform(query.certificate.begin(), query.certificate.end(), query.certificate.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  return query;
}

// What the policy knows about a certificate that need not be connected.
Identity known_identity(const Policy& policy, const std::string& thumbprint) {
  Thumbprints certificate;
  std::string subject;
  (thumbprint.size() > 40 ? certificate.sha256 : certificate.sha1) = thumbprint;
  for (const Member& member : policy.members) {
    if (member.certificate.sha1 != thumbprint && member.certificate.sha256 != thumbprint) continue;
    certificate = member.certificate;
    subject = member.name;
    break;
  }
  return make_identity({std::move(certificate)}, std::move(subject), "");
}

void append_member(std::string_view key, std::string_view value, std::string& out) {
  out += '"';
  out += key;
  out += "\":";
  dxl::append_json_string(value, out);
}

void append_topic(std::string_view topic, const Verdict& verdict, std::string& out) {
  out += '{';
  append_member("topic", topic, out);
  out += verdict.allowed ? ",\"allowed\":true,\"groups\":[" : ",\"allowed\":false,\"groups\":[";
  for (std::size_t i = 0; i < verdict.groups.size(); ++i) {
    if (i > 0) out += ',';
    dxl::append_json_string(verdict.groups[i], out);
  }
  out += "],";
  append_member("reason", verdict.reason, out);
  out += '}';
}

}  // namespace

dxl::Result<std::string> answer_authorization_query(const Authorization& authorization,
                                                    const Identity& asker,
                                                    dxl::JsonDocument& document,
                                                    std::string_view payload) {
  const auto query = parse(document, payload);
  if (!query) return dxl::fail(query.error());
  Identity other;
  const Identity* about = &asker;
  const bool own = query->certificate.empty() ||
                   (!asker.chain.empty() && (asker.chain.back().sha1 == query->certificate ||
                                             asker.chain.back().sha256 == query->certificate));
  if (!own) {
    if (!authorization.is_member(asker, kGroupAdministrators))
      return dxl::fail(dxl::ErrorCode::kNotAuthorised,
                       "asking about another certificate needs the group \"Tiara Administrators\"");
    other = known_identity(authorization.policy(), query->certificate);
    about = &other;
  }

  const Thumbprints leaf = about->chain.empty() ? Thumbprints{} : about->chain.back();
  std::string out = "{\"certificate\":{";
  append_member("sha1", leaf.sha1, out);
  out += ',';
  append_member("sha256", leaf.sha256, out);
  out += ',';
  append_member("subject", about->subject, out);
  out += "},\"topics\":[";
  for (std::size_t i = 0; i < query->topics.size(); ++i) {
    if (i > 0) out += ',';
    append_topic(query->topics[i],
                 authorization.explain(*about, query->direction, query->topics[i]), out);
  }
  out += "]}\n";
  return out;
}

}  // namespace tiara::fabric
