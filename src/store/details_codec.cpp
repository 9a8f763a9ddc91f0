// Details: a bit for each field that is there, then the fields (docs/store.md). One list of fields
// serves both directions.
#include <optional>
#include <vector>

#include "store/record_codec.hpp"

namespace tiara::store {
namespace {

using reputation::CertDetails;
using reputation::FileDetails;
using reputation::LevelAggregate;

// The order is the order of the bits: add at the end only.
template <class F>
void for_each_field(FileDetails& details, F&& f) {
  f("described", details.described);
  f("paths", details.paths);
  f("size", details.size);
  f("signature bits", details.signed_bits);
  f("latest rule", details.latest_rule_id);
  f("version of the file", details.version);
  f("company", details.company_name);
  f("product", details.product_name);
  f("product version", details.product_version);
  f("profiler flags", details.profiler_flags);
  f("local levels", details.local);
  f("prompted levels", details.prompted);
  f("parent levels", details.parents);
  f("child levels", details.children);
  f("local time", details.local_time);
  f("detections", details.detection_count);
  f("last detection", details.last_detection);
  f("name of the detection", details.last_detection_name);
}

template <class F>
void for_each_field(CertDetails& details, F&& f) {
  f("described", details.described);
  f("algorithm", details.algorithm);
  f("subject name", details.subject_name);
  f("subject", details.subject);
  f("issuer", details.issuer);
  f("issuer DN", details.issuer_dn);
  f("serial number", details.serial_number);
  f("issuer SHA-1", details.issuer_sha1);
  f("issuer's key", details.issuer_public_key_sha1);
  f("valid from", details.valid_from);
  f("valid to", details.valid_to);
}

template <class T>
bool is_there(const T& value) {
  return value != T{};
}

void append(bool /*the bit says it*/, std::string& /*out*/) {}
void append(std::uint64_t value, std::string& out) { append_varint(value, out); }
void append(std::int64_t value, std::string& out) { append_signed(value, out); }
void append(const std::string& value, std::string& out) { append_text(value, out); }
void append(const tie::Sha1& value, std::string& out) { out += value.view(); }
void append(const LevelAggregate& levels, std::string& out) {
  append_varint(levels.count, out);
  append_varint(levels.sum, out);
  for (const std::uint8_t level : {levels.min, levels.max, levels.latest})
    out += static_cast<char>(level);
}
void append(const std::vector<std::string>& texts, std::string& out) {
  append_varint(texts.size(), out);
  for (const std::string& text : texts) append_text(text, out);
}
template <class T>
void append(const std::optional<T>& value, std::string& out) {
  append(*value, out);
}

void read(Reader& /*reader*/, const char* /*field*/, bool& value) { value = true; }
void read(Reader& reader, const char* field, std::uint64_t& value) { value = reader.varint(field); }
void read(Reader& reader, const char* field, std::int64_t& value) {
  value = reader.signed_varint(field);
}
void read(Reader& reader, const char* field, std::string& value) { value = reader.text(field); }
void read(Reader& reader, const char* field, tie::Sha1& value) {
  value = reader.digest<tie::Sha1>(field);
}
void read(Reader& reader, const char* field, LevelAggregate& levels) {
  levels.count = reader.varint(field);
  levels.sum = reader.varint(field);
  for (std::uint8_t* level : {&levels.min, &levels.max, &levels.latest})
    *level = reader.byte(field);
}
void read(Reader& reader, const char* field, std::vector<std::string>& texts) {
  const std::size_t count = reader.count(reputation::kMaxPaths, field);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) texts.push_back(reader.text(field));
}
template <class T>
void read(Reader& reader, const char* field, std::optional<T>& value) {
  read(reader, field, value.emplace());
}

template <class Details>
void append_fields(Details details, std::string& out) {
  std::uint64_t bits = 0;
  std::uint64_t bit = 1;
  for_each_field(details, [&](const char*, const auto& value) {
    if (is_there(value)) bits |= bit;
    bit <<= 1;
  });
  append_varint(bits, out);
  for_each_field(details, [&](const char*, const auto& value) {
    if (is_there(value)) append(value, out);
  });
}

template <class Details>
void read_fields(Reader& reader, Details& details) {
  const std::uint64_t bits = reader.varint("details");
  std::uint64_t bit = 1;
  for_each_field(details, [&](const char* field, auto& value) {
    if ((bits & bit) != 0 && reader.ok()) {
      read(reader, field, value);
      // There, and yet what its absence means: not the one encoding of these details.
      if (!is_there(value)) reader.fail(field);
    }
    bit <<= 1;
  });
  if (bits == 0 || bits >= bit) reader.fail("details");
}

}  // namespace

void append_details(const FileDetails& details, std::string& out) { append_fields(details, out); }
void append_details(const CertDetails& details, std::string& out) { append_fields(details, out); }
void read_details(Reader& reader, FileDetails& details) { read_fields(reader, details); }
void read_details(Reader& reader, CertDetails& details) { read_fields(reader, details); }

}  // namespace tiara::store
