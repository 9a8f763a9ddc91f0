// The decoders of codec.hpp. Each reads a whole payload first and judges afterwards, so that the
// order of refusals does not depend on the order of members.
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "dxl/json.hpp"
#include "tie/codec.hpp"
#include "tie/object_reader.hpp"

namespace tie {
namespace {

// Client-side decoders have no code to send: the peer is not told.
constexpr std::uint32_t kNoCode = 0;

std::uint32_t code_of(ServiceError error) { return static_cast<std::uint32_t>(error); }
std::uint32_t code_of(ReportRefusal refusal) { return static_cast<std::uint32_t>(refusal); }

template <class Code>
tl::unexpected<dxl::Error> refuse(Code code, std::string message) {
  return dxl::fail(dxl::ErrorCode::kMalformed, std::move(message), code_of(code));
}

// The payload as an object, valid until the next call on this thread. One document per thread keeps
// the parser's buffers, so steady state allocates nothing.
dxl::Result<dxl::JsonValue> parse_object(std::string_view payload, std::uint32_t code) {
  thread_local dxl::JsonDocument document(
      {.payload_bytes = kMaxPayloadBytes, .string_bytes = kMaxStringBytes, .depth = kMaxDepth});
  auto value = document.parse(payload);
  if (!value) {
    value.error().peer_code = code;
    return value;
  }
  if (!value->is_object())
    return dxl::fail(dxl::ErrorCode::kMalformed, "payload: expected a JSON object", code);
  return value;
}

// The first kMaxNameCharacters characters; the parser has already checked the UTF-8.
std::string cut(std::string_view text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts_character && ++characters > kMaxNameCharacters)
      return std::string(text.substr(0, i));
  }
  return std::string(text);
}

std::optional<TrustLevel> find_known_level(std::int64_t number) {
  if (!std::in_range<std::int32_t>(number)) return std::nullopt;
  const auto level = static_cast<TrustLevel>(number);
  return is_known(level) ? std::optional(level) : std::nullopt;
}

// Puts one digest into its place; the message if it has the wrong length or contradicts an earlier
// one.
template <class D>
std::optional<std::string> store(std::string_view type, std::string_view raw,
                                 std::optional<D>& place) {
  const auto digest = D::from_bytes(raw);
  if (!digest) {
    return fmt::format("hashes: {}: expected {} bytes, found {}", type, D::kSize, raw.size());
  }
  if (place && *place != *digest)
    return fmt::format("hashes: {}: given twice with different values", type);
  place = digest;
  return std::nullopt;
}

std::optional<std::string> store_by_type(std::string_view type, std::string_view raw,
                                         FileHashes& hashes) {
  if (type == Md5Tag::kName) return store(type, raw, hashes.md5);
  if (type == Sha1Tag::kName) return store(type, raw, hashes.sha1);
  return store(type, raw, hashes.sha256);
}

bool is_hash_type(std::string_view type) {
  return type == Md5Tag::kName || type == Sha1Tag::kName || type == Sha256Tag::kName;
}

// One `{"type": T, "value": base64}`; items of unknown type are skipped whatever their value is.
dxl::Result<void> read_hash_item(const dxl::JsonValue& item, FileHashes& hashes) {
  if (!item.is_object())
    return refuse(ServiceError::kBadRequest, "hashes: expected an array of objects");
  Mistake mistake;
  ObjectReader members(item, "hashes[].", mistake);
  const auto type = members.text("type", Need::kRequired);
  if (type && !is_hash_type(*type)) return {};
  const auto value = members.text("value", Need::kRequired);
  if (mistake.found()) return refuse(ServiceError::kBadRequest, std::move(mistake.text));

  const auto raw = tiara::base::parse_base64(*value);
  if (!raw) return refuse(ServiceError::kBadHashes, fmt::format("hashes: {}: not base64", *type));
  if (auto problem = store_by_type(*type, *raw, hashes))
    return refuse(ServiceError::kBadHashes, std::move(*problem));
  return {};
}

dxl::Result<FileHashes> read_hash_array(const dxl::JsonValue& array) {
  FileHashes hashes;
  dxl::Result<void> item_result;
  array.for_each_element([&](const dxl::JsonValue& item) {
    item_result = read_hash_item(item, hashes);
    return item_result.has_value();
  });
  if (!item_result) return dxl::fail(std::move(item_result.error()));
  if (hashes.empty())
    return refuse(ServiceError::kBadHashes, "hashes: no usable md5, sha1 or sha256");
  return hashes;
}

// An absent text is fine; a digest that does not parse is the problem returned.
template <class D>
std::optional<std::string> read_hex(std::optional<std::string_view> text,
                                    std::optional<D>& digest) {
  if (!text) return std::nullopt;
  auto parsed = D::parse(*text);
  if (!parsed) return "file.hashes: " + parsed.error().message;
  digest = *parsed;
  return std::nullopt;
}

void read_attributes(const dxl::JsonValue& object, Reputation& entry, Mistake& mistake) {
  object.for_each_member([&](std::string_view id, const dxl::JsonValue& value) {
    if (entry.attributes.size() == kMaxAttributes) {
      mistake.text = fmt::format("attributes: more than {} of one provider", kMaxAttributes);
      return false;
    }
    // The original always writes text; a number means the same and anything else says nothing.
    if (const auto text = value.string())
      entry.attributes.emplace_back(id, *text);
    else if (const auto number = value.integer())
      entry.attributes.emplace_back(id, std::to_string(*number));
    return true;
  });
}

std::optional<Reputation> read_entry(const dxl::JsonValue& value, Mistake& mistake) {
  if (!value.is_object()) {
    mistake.text = "reputations: expected an array of objects";
    return std::nullopt;
  }
  ObjectReader members(value, "reputations[].", mistake);
  const auto provider = members.integer_or_text("providerId", Need::kRequired);
  const auto level = members.integer_or_text("trustLevel").value_or(0);
  auto date = members.integer("createDate");
  // The schema's generic object calls it so, its examples do not (§3.1).
  if (!date) date = members.integer("detectTime");
  const auto attributes = members.object("attributes");
  if (mistake.found()) return std::nullopt;
  if (!std::in_range<std::int32_t>(*provider) || !std::in_range<std::int32_t>(level)) {
    mistake.text = fmt::format("reputations[]: providerId {} or trustLevel {} is out of range",
                               *provider, level);
    return std::nullopt;
  }

  Reputation entry{
      static_cast<Provider>(*provider), static_cast<TrustLevel>(level), date.value_or(0), {}};
  if (attributes) read_attributes(*attributes, entry, mistake);
  if (mistake.found()) return std::nullopt;
  return entry;
}

// A provider given twice: the last one counts, as in both original clients.
void put(Reputation entry, std::vector<Reputation>& entries) {
  for (Reputation& known : entries) {
    if (known.provider == entry.provider) {
      known = std::move(entry);
      return;
    }
  }
  entries.push_back(std::move(entry));
}

// `{"reputations":[…],"props":{…}}`, where either may be missing.
Reputations read_reputations(const dxl::JsonValue& object, Mistake& mistake) {
  Reputations answer;
  ObjectReader members(object, "", mistake);
  if (const auto list = members.array("reputations")) {
    list->for_each_element([&](const dxl::JsonValue& value) {
      auto entry = read_entry(value, mistake);
      if (!entry) return false;
      put(std::move(*entry), answer.entries);
      if (answer.entries.size() <= kMaxReputationEntries) return true;
      mistake.text = fmt::format("reputations: more than {} providers", kMaxReputationEntries);
      return false;
    });
  }
  if (const auto object_of_props = members.object("props")) {
    ObjectReader props(*object_of_props, "props.", mistake);
    answer.server_time = props.integer("serverTime").value_or(0);
    answer.submit_metadata = props.flag("submitMetaData");
  }
  return answer;
}

}  // namespace

std::string_view to_string(ReportRefusal refusal) {
  switch (refusal) {
    case ReportRefusal::kDisabled:
      return "disabled";
    case ReportRefusal::kUnauthorized:
      return "unauthorized";
    case ReportRefusal::kMalformed:
      return "malformed";
    case ReportRefusal::kProvider:
      return "provider";
    case ReportRefusal::kLevel:
      return "level";
    case ReportRefusal::kHashes:
      return "hashes";
    case ReportRefusal::kFilename:
      return "filename";
  }
  return "unknown";
}

dxl::Result<GetFileReputation> decode_get_file_reputation(std::string_view payload) {
  const auto object = parse_object(payload, code_of(ServiceError::kBadRequest));
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  ObjectReader members(*object, "", mistake);
  const auto hash_array = members.array("hashes", Need::kRequired);
  const auto scan_type = members.integer("scanType");
  const auto file_type = members.integer("fileType");
  const auto agent_guid = members.text("agentGuid");
  if (mistake.found()) return refuse(ServiceError::kBadRequest, std::move(mistake.text));

  const auto hashes = read_hash_array(*hash_array);
  if (!hashes) return dxl::fail(hashes.error());
  return GetFileReputation{*hashes, scan_type, file_type, std::string(agent_guid.value_or(""))};
}

dxl::Result<SetFileReputation> decode_set_file_reputation(std::string_view payload) {
  const auto object = parse_object(payload, code_of(ServiceError::kBadRequest));
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  ObjectReader members(*object, "", mistake);
  const auto number = members.integer_or_text("trustLevel", Need::kRequired);
  const auto provider = members.integer_or_text("providerId");
  const auto filename = members.text("filename");
  const auto comment = members.text("comment");
  const auto hash_array = members.array("hashes", Need::kRequired);
  if (mistake.found()) return refuse(ServiceError::kBadRequest, std::move(mistake.text));

  const auto level = find_known_level(*number);
  if (!level) {
    return refuse(ServiceError::kBadTrustLevel,
                  fmt::format("trustLevel: {} is not one of the nine levels", *number));
  }
  if (provider && *provider != static_cast<std::int64_t>(Provider::kEnterprise)) {
    return refuse(ServiceError::kBadProvider,
                  fmt::format("providerId: expected 3, found {}", *provider));
  }
  const auto hashes = read_hash_array(*hash_array);
  if (!hashes) return dxl::fail(hashes.error());
  return SetFileReputation{*hashes, *level, cut(filename.value_or("")), cut(comment.value_or(""))};
}

dxl::Result<ExternalReport> decode_external_report(std::string_view payload) {
  const auto object = parse_object(payload, code_of(ReportRefusal::kMalformed));
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  std::optional<std::int64_t> type, score, provider;
  std::optional<std::string_view> md5, sha1, sha256, filename, comment;
  ObjectReader members(*object, "", mistake);
  if (const auto file = members.object("file", Need::kRequired)) {
    ObjectReader of_file(*file, "file.", mistake);
    type = of_file.integer("type");
    if (const auto by_type = of_file.object("hashes", Need::kRequired)) {
      ObjectReader of_hashes(*by_type, "file.hashes.", mistake);
      md5 = of_hashes.text(Md5Tag::kName);
      sha1 = of_hashes.text(Sha1Tag::kName);
      sha256 = of_hashes.text(Sha256Tag::kName);
    }
    if (const auto attributes = of_file.object("attributes"))
      filename = ObjectReader(*attributes, "file.attributes.", mistake).text("filename");
    if (const auto reputation = of_file.object("reputation", Need::kRequired)) {
      score =
          ObjectReader(*reputation, "file.reputation.", mistake).integer("score", Need::kRequired);
    }
  }
  if (const auto source = members.object("provider", Need::kRequired))
    provider = ObjectReader(*source, "provider.", mistake).integer("id", Need::kRequired);
  comment = members.text("comment");
  if (!mistake.found() && type.value_or(0) < 0)
    mistake.text = fmt::format("file.type: {} is negative", *type);
  if (mistake.found()) return refuse(ReportRefusal::kMalformed, std::move(mistake.text));

  if (*provider != static_cast<std::int64_t>(Provider::kExternal)) {
    return refuse(ReportRefusal::kProvider,
                  fmt::format("provider.id: expected 15, found {}", *provider));
  }
  const auto level = find_known_level(*score);
  if (!level) {
    return refuse(ReportRefusal::kLevel,
                  fmt::format("file.reputation.score: {} is not one of the nine levels", *score));
  }
  FileHashes hashes;
  auto problem = read_hex(md5, hashes.md5);
  if (!problem) problem = read_hex(sha1, hashes.sha1);
  if (!problem) problem = read_hex(sha256, hashes.sha256);
  if (!problem && hashes.empty()) problem = "file.hashes: no usable md5, sha1 or sha256";
  if (problem) return refuse(ReportRefusal::kHashes, std::move(*problem));
  return ExternalReport{hashes, *level, static_cast<FileType>(type.value_or(0)),
                        cut(filename.value_or("")), cut(comment.value_or(""))};
}

dxl::Result<Reputations> decode_reputations(std::string_view payload) {
  const auto object = parse_object(payload, kNoCode);
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  auto answer = read_reputations(*object, mistake);
  if (mistake.found()) return dxl::fail(dxl::ErrorCode::kMalformed, std::move(mistake.text));
  return answer;
}

dxl::Result<FileReputationChange> decode_file_change(std::string_view payload) {
  const auto object = parse_object(payload, kNoCode);
  if (!object) return dxl::fail(object.error());
  FileReputationChange change;
  Mistake mistake;
  ObjectReader members(*object, "", mistake);
  const auto hash_array = members.array("hashes", Need::kRequired);
  if (const auto before = members.object("oldReputations"))
    change.old_reputations = read_reputations(*before, mistake);
  if (const auto after = members.object("newReputations"))
    change.new_reputations = read_reputations(*after, mistake);
  change.update_time = members.integer("updateTime").value_or(0);
  if (mistake.found()) return dxl::fail(dxl::ErrorCode::kMalformed, std::move(mistake.text));

  auto hashes = read_hash_array(*hash_array);
  if (!hashes) return dxl::fail(dxl::ErrorCode::kMalformed, std::move(hashes.error().message));
  change.hashes = *hashes;
  return change;
}

dxl::Result<std::string> decode_outcome_request(std::string_view payload) {
  const auto object = parse_object(payload, code_of(ServiceError::kBadRequest));
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  const auto id = ObjectReader(*object, "", mistake).text("messageId", Need::kRequired);
  if (!mistake.found() && id->empty()) mistake.text = "messageId: empty";
  if (mistake.found()) return refuse(ServiceError::kBadRequest, std::move(mistake.text));
  return std::string(*id);
}

dxl::Result<ReportOutcome> decode_outcome(std::string_view payload) {
  const auto object = parse_object(payload, kNoCode);
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  ObjectReader members(*object, "", mistake);
  const auto outcome = members.text("outcome", Need::kRequired);
  const auto reason = members.text("reason");
  const auto time = members.integer("time").value_or(0);
  if (mistake.found()) return dxl::fail(dxl::ErrorCode::kMalformed, std::move(mistake.text));
  return ReportOutcome{std::string(*outcome), std::string(reason.value_or("")), time};
}

}  // namespace tie
