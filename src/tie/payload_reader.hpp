// What the decoders of codec.hpp share. Each reads a whole payload and notes what is wrong with it;
// afterwards the first mistake in the documented order is told, so that the order of refusals does
// not depend on the order of members.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "dxl/json.hpp"
#include "dxl/result.hpp"
#include "tie/object_reader.hpp"
#include "tie/reputation.hpp"
#include "tie/rules.hpp"

namespace tie {

// Client-side decoders have no code to send: the peer is not told.
inline constexpr std::uint32_t kNoCode = 0;

inline std::uint32_t code_of(ServiceError error) { return static_cast<std::uint32_t>(error); }
inline std::uint32_t code_of(ReportRefusal refusal) { return static_cast<std::uint32_t>(refusal); }

template <class Code>
tl::unexpected<dxl::Error> refuse(Code code, std::string message) {
  return dxl::fail(dxl::ErrorCode::kMalformed, std::move(message), code_of(code));
}

// The first mistake of each kind, in the order in which they are told.
struct Findings {
  Mistake request;  // what is wrong with the payload's form
  Mistake level;
  Mistake provider;
  Mistake hashes;
  Mistake parameter;

  bool any() const {
    return request.found() || level.found() || provider.found() || hashes.found() ||
           parameter.found();
  }
  // Of the first mistake; there must be one.
  ServiceError code() const;
  const std::string& text() const;
};
// To the peer with the code, or to the caller of a client-side decoder without one.
tl::unexpected<dxl::Error> refusal(const Findings& findings);
tl::unexpected<dxl::Error> unreadable(const Findings& findings);

// The payload as an object, valid until the next call on this thread.
dxl::Result<dxl::JsonValue> parse_object(std::string_view payload, std::uint32_t code);

// What `read(members, findings)` makes of the payload's members; or what is wrong with them, as
// `tell` puts it.
template <class Read>
auto decode_members(std::string_view payload, std::uint32_t code,
                    tl::unexpected<dxl::Error> (*tell)(const Findings&), Read read)
    -> dxl::Result<std::invoke_result_t<Read, ObjectReader&, Findings&>> {
  const auto object = parse_object(payload, code);
  if (!object) return dxl::fail(object.error());
  Findings findings;
  ObjectReader members(*object, "", findings.request);
  auto decoded = read(members, findings);
  if (findings.any()) return tell(findings);
  return decoded;
}
template <class Read>
auto decode_request(std::string_view payload, Read read) {
  return decode_members(payload, code_of(ServiceError::kBadRequest), refusal, read);
}
template <class Read>
auto decode_answer(std::string_view payload, Read read) {
  return decode_members(payload, kNoCode, unreadable, read);
}

// The first kMaxNameCharacters characters of UTF-8.
std::string cut(std::string_view text);
// The same of a member, empty if there is none.
std::string read_cut(ObjectReader& members, std::string_view name);
// A text that some senders write as an integer.
std::optional<std::string> read_text_or_number(ObjectReader& members, std::string_view name,
                                               Mistake& mistake);

std::optional<TrustLevel> find_known_level(std::int64_t number);
// Required: one of the nine levels.
TrustLevel read_level(ObjectReader& members, Findings& findings);
// `providerId`, which counts as `expected` if it is missing.
void read_provider(ObjectReader& members, Provider expected, Findings& findings);
// A whole number or decimal text of any size, brought into first..last (L10); anything else is a
// mistake in a parameter.
std::optional<std::int64_t> read_clamped(ObjectReader& members, std::string_view name,
                                         std::int64_t first, std::int64_t last, Findings& findings,
                                         Need need = Need::kOptional);

// A list of `{"type": T, "value": base64}`; items of unknown type are skipped. Empty only beside a
// finding, unless the list need not hold anything usable.
FileHashes read_hashes(const dxl::JsonValue& array, Findings& findings,
                       Need usable = Need::kRequired);
FileHashes read_hashes(ObjectReader& members, Findings& findings);  // of the member "hashes"
// One such item, which must be an object. Empty: of unknown type, or a finding.
FileHashes read_hash(const dxl::JsonValue& item, Findings& findings);
// A bare base64 member (§1.4).
std::optional<Sha1> read_sha1(ObjectReader& members, std::string_view name, Findings& findings);
// `hashes` with a sha1, and the public key under either of its names.
Certificate read_certificate(ObjectReader& members, Findings& findings);
// `certSha1` and `certPublicKeySha1` of a file.
std::optional<Certificate> read_signer(ObjectReader& members, Findings& findings);

}  // namespace tie
