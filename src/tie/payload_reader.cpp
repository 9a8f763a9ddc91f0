#include "tie/payload_reader.hpp"

#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/hex.hpp"

namespace tie {
namespace {

// A digest in base64, read without allocating: lookups are the hot path. Nullopt with a mistake.
template <class D>
std::optional<D> read_digest(std::string_view path, std::string_view name, std::string_view text,
                             Mistake& mistake) {
  std::array<char, D::kSize> raw;
  const auto size = tiara::base::parse_base64(text, raw);
  if (size == D::kSize) return D::from_bytes({raw.data(), raw.size()});
  if (size)
    mistake.note(fmt::format("{}{}: expected {} bytes, found {}", path, name, D::kSize, *size));
  else
    mistake.note(fmt::format("{}{}: not base64", path, name));
  return std::nullopt;
}

// Puts one digest into its place, unless it is unusable or contradicts an earlier one.
template <class Tag, std::size_t N>
void store(std::string_view text, std::optional<Digest<Tag, N>>& place, Mistake& mistake) {
  const auto digest = read_digest<Digest<Tag, N>>("hashes: ", Tag::kName, text, mistake);
  if (!digest) return;
  if (place && *place != *digest)
    mistake.note(fmt::format("hashes: {}: given twice with different values", Tag::kName));
  else
    place = digest;
}

bool is_hash_type(std::string_view type) {
  return type == Md5Tag::kName || type == Sha1Tag::kName || type == Sha256Tag::kName;
}

// Items of unknown type are skipped whatever their value is.
void read_hash_item(const dxl::JsonValue& item, FileHashes& hashes, Findings& findings) {
  if (!item.is_object()) return findings.request.note("hashes: expected an array of objects");
  ObjectReader members(item, "hashes[].", findings.request);
  const auto type = members.text("type", Need::kRequired);
  if (!type || !is_hash_type(*type)) return;
  const auto value = members.text("value", Need::kRequired);
  if (!value) return;

  if (*type == Md5Tag::kName)
    store(*value, hashes.md5, findings.hashes);
  else if (*type == Sha1Tag::kName)
    store(*value, hashes.sha1, findings.hashes);
  else
    store(*value, hashes.sha256, findings.hashes);
}

// "-12" or "12", of any length.
bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whole numbers that std::int64_t cannot hold count as its ends.
std::optional<std::int64_t> find_whole(const dxl::JsonValue& value) {
  constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();
  if (const auto number = value.integer_or_text()) return number;
  if (const auto text = value.string()) {
    if (!is_decimal(*text)) return std::nullopt;
    return text->starts_with('-') ? kLowest : kHighest;
  }
  const auto real = value.number();
  if (!real || std::trunc(*real) != *real) return std::nullopt;
  return *real < 0 ? kLowest : kHighest;
}

}  // namespace

ServiceError Findings::code() const {
  if (request.found()) return ServiceError::kBadRequest;
  if (level.found()) return ServiceError::kBadTrustLevel;
  if (provider.found()) return ServiceError::kBadProvider;
  if (hashes.found()) return ServiceError::kBadHashes;
  return ServiceError::kBadParameter;
}

const std::string& Findings::text() const {
  for (const Mistake* mistake : {&request, &level, &provider, &hashes})
    if (mistake->found()) return mistake->text;
  return parameter.text;
}

tl::unexpected<dxl::Error> refusal(const Findings& findings) {
  return refuse(findings.code(), findings.text());
}

tl::unexpected<dxl::Error> unreadable(const Findings& findings) {
  return dxl::fail(dxl::ErrorCode::kMalformed, findings.text(), kNoCode);
}

dxl::Result<dxl::JsonValue> parse_object(std::string_view payload, std::uint32_t code) {
  // One document per thread keeps the parser's buffers, so steady state allocates nothing.
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

std::string cut(std::string_view text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts_character && ++characters > kMaxNameCharacters)
      return std::string(text.substr(0, i));
  }
  return std::string(text);
}

std::string read_cut(ObjectReader& members, std::string_view name) {
  return cut(members.text(name).value_or(""));
}

std::optional<std::string> read_text_or_number(ObjectReader& members, std::string_view name,
                                               Mistake& mistake) {
  const auto value = members.value(name);
  if (!value) return std::nullopt;
  if (const auto text = value->string()) return std::string(*text);
  if (const auto number = value->integer()) return std::to_string(*number);
  mistake.note(members.full_name(name) + ": expected string or integer");
  return std::nullopt;
}

std::optional<TrustLevel> find_known_level(std::int64_t number) {
  if (!std::in_range<std::int32_t>(number)) return std::nullopt;
  const auto level = static_cast<TrustLevel>(number);
  return is_known(level) ? std::optional(level) : std::nullopt;
}

TrustLevel read_level(ObjectReader& members, Findings& findings) {
  const auto number = members.integer_or_text("trustLevel", Need::kRequired);
  if (!number) return TrustLevel::kNotSet;
  const auto level = find_known_level(*number);
  if (!level) {
    findings.level.note(fmt::format("{}: {} is not one of the nine levels",
                                    members.full_name("trustLevel"), *number));
  }
  return level.value_or(TrustLevel::kNotSet);
}

void read_provider(ObjectReader& members, Provider expected, Findings& findings) {
  const auto number = members.integer_or_text("providerId");
  const auto wanted = static_cast<std::int64_t>(expected);
  if (number && *number != wanted)
    findings.provider.note(fmt::format("providerId: expected {}, found {}", wanted, *number));
}

std::optional<std::int64_t> read_clamped(ObjectReader& members, std::string_view name,
                                         std::int64_t first, std::int64_t last, Findings& findings,
                                         Need need) {
  const auto value = members.value(name, need);
  if (!value) return std::nullopt;
  const auto number = find_whole(*value);
  if (number) return std::min(std::max(*number, first), last);
  findings.parameter.note(fmt::format("{}: expected a whole number", members.full_name(name)));
  return std::nullopt;
}

FileHashes read_hashes(const dxl::JsonValue& array, Findings& findings, Need usable) {
  FileHashes hashes;
  array.for_each_element([&](const dxl::JsonValue& item) {
    read_hash_item(item, hashes, findings);
    return !findings.request.found();
  });
  if (hashes.empty() && usable == Need::kRequired)
    findings.hashes.note("hashes: no usable md5, sha1 or sha256");
  return hashes;
}

FileHashes read_hashes(ObjectReader& members, Findings& findings) {
  const auto array = members.array("hashes", Need::kRequired);
  return array ? read_hashes(*array, findings) : FileHashes{};
}

FileHashes read_hash(const dxl::JsonValue& item, Findings& findings) {
  FileHashes hashes;
  read_hash_item(item, hashes, findings);
  return hashes;
}

std::optional<Sha1> read_sha1(ObjectReader& members, std::string_view name, Findings& findings) {
  const auto text = members.text(name);
  if (!text || text->empty()) return std::nullopt;
  return read_digest<Sha1>(members.path(), name, *text, findings.hashes);
}

Certificate read_certificate(ObjectReader& members, Findings& findings) {
  const FileHashes hashes = read_hashes(members, findings);
  if (!hashes.sha1) findings.hashes.note("hashes: no usable sha1");
  Certificate certificate{hashes.sha1.value_or(Sha1{}),
                          read_sha1(members, "publicKeySha1", findings)};
  const auto other = read_sha1(members, "certPublicKeySha1", findings);
  if (!certificate.public_key_sha1) certificate.public_key_sha1 = other;
  if (other && *other != *certificate.public_key_sha1)
    findings.hashes.note("publicKeySha1: differs from certPublicKeySha1");
  return certificate;
}

std::optional<Certificate> read_signer(ObjectReader& members, Findings& findings) {
  const auto sha1 = read_sha1(members, "certSha1", findings);
  const auto public_key = read_sha1(members, "certPublicKeySha1", findings);
  if (!sha1) return std::nullopt;
  return Certificate{*sha1, public_key};
}

}  // namespace tie
