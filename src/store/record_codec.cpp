#include "store/record_codec.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

using reputation::FileRecord;
using reputation::ProviderEntry;

enum Flag : std::uint8_t {
  kHasMd5 = 1,
  kHasSha1 = 2,
  kHasSha256 = 4,
  kPrevalent = 8,
  kFirstInstanceSent = 16,
  kKnownFlags = 31,
};
constexpr std::uint8_t kDigestFlags = kHasMd5 | kHasSha1 | kHasSha256;

void append_text(std::string_view text, std::string& out) {
  append_varint(text.size(), out);
  out += text;
}

// Reads the fields in order and remembers the first that is wrong; afterwards it yields defaults.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  const char* damaged() const { return damaged_; }
  bool at_end() const { return rest_.empty(); }
  void fail(const char* field) {
    if (damaged_ == nullptr) damaged_ = field;
    rest_ = {};
  }

  std::uint8_t byte(const char* field) {
    if (rest_.empty()) {
      fail(field);
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t varint(const char* field) { return checked(take_varint(rest_), field); }
  std::int64_t signed_varint(const char* field) { return checked(take_signed(rest_), field); }
  std::string text(const char* field) {
    const std::uint64_t size = varint(field);
    if (size > kMaxTextBytes || size > rest_.size()) {
      fail(field);
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  template <class D>
  std::optional<D> digest(bool present, const char* field) {
    if (!present) return std::nullopt;
    if (rest_.size() < D::kSize) {
      fail(field);
      return std::nullopt;
    }
    D value;
    std::copy_n(rest_.begin(), D::kSize, value.bytes.begin());
    rest_.remove_prefix(D::kSize);
    return value;
  }

 private:
  template <class T>
  T checked(std::optional<T> value, const char* field) {
    if (!value) fail(field);
    return value.value_or(T{});
  }

  std::string_view rest_;
  const char* damaged_ = nullptr;
};

template <class Number, class Wide>
Number narrow(Wide value, Reader& reader, const char* field) {
  if (value < std::numeric_limits<Number>::min() || value > std::numeric_limits<Number>::max()) {
    reader.fail(field);
    return {};
  }
  return static_cast<Number>(value);
}

ProviderEntry read_entry(Reader& reader) {
  ProviderEntry entry;
  entry.provider =
      tie::Provider{narrow<std::int32_t>(reader.signed_varint("provider"), reader, "provider")};
  entry.trust_level = tie::TrustLevel{
      narrow<std::int32_t>(reader.signed_varint("trust level"), reader, "trust level")};
  entry.create_date = reader.signed_varint("create date");
  entry.comment = reader.text("comment");
  return entry;
}

void read_lists(Reader& reader, FileRecord& record) {
  const std::uint64_t names = reader.varint("names");
  if (names > reputation::kMaxNames) return reader.fail("names");
  for (std::uint64_t i = 0; i < names && reader.damaged() == nullptr; ++i)
    record.names.push_back(reader.text("name"));
  const std::uint64_t entries = reader.varint("entries");
  if (entries > kMaxEntries) return reader.fail("entries");
  for (std::uint64_t i = 0; i < entries && reader.damaged() == nullptr; ++i) {
    ProviderEntry entry = read_entry(reader);
    if (!record.entries.empty() && record.entries.back().provider >= entry.provider)
      return reader.fail("order of providers");
    record.entries.push_back(std::move(entry));
  }
}

}  // namespace

void append_varint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>(0x80 | (value & 0x7f));
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_signed(std::int64_t value, std::string& out) {
  const auto bits = static_cast<std::uint64_t>(value);
  append_varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0), out);
}

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    const std::uint64_t group = byte & 0x7fU;
    if (shift == 63 && group > 1) return std::nullopt;
    value |= group << shift;
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && shift != 0) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::optional<std::int64_t> take_signed(std::string_view& bytes) {
  const std::optional<std::uint64_t> coded = take_varint(bytes);
  if (!coded) return std::nullopt;
  return static_cast<std::int64_t>((*coded >> 1) ^ (~(*coded & 1) + 1));
}

void append_record(const FileRecord& record, std::string& out) {
  int flags = 0;
  if (record.hashes.md5) flags |= kHasMd5;
  if (record.hashes.sha1) flags |= kHasSha1;
  if (record.hashes.sha256) flags |= kHasSha256;
  if (record.prevalent) flags |= kPrevalent;
  if (record.first_instance_sent) flags |= kFirstInstanceSent;
  out += static_cast<char>(kRecordVersion);
  out += static_cast<char>(flags);
  if (record.hashes.md5) out += record.hashes.md5->view();
  if (record.hashes.sha1) out += record.hashes.sha1->view();
  if (record.hashes.sha256) out += record.hashes.sha256->view();
  append_signed(record.created, out);
  append_signed(record.first_contact, out);
  append_signed(record.last_used, out);
  append_varint(record.file_type, out);
  append_varint(record.reference_count, out);
  append_varint(record.names.size(), out);
  for (const std::string& name : record.names) append_text(name, out);
  append_varint(record.entries.size(), out);
  for (const ProviderEntry& entry : record.entries) {
    append_signed(static_cast<std::int32_t>(entry.provider), out);
    append_signed(static_cast<std::int32_t>(entry.trust_level), out);
    append_signed(entry.create_date, out);
    append_text(entry.comment, out);
  }
}

dxl::Result<FileRecord> decode_record(std::string_view bytes) {
  Reader reader(bytes);
  FileRecord record;
  const std::uint8_t version = reader.byte("version");
  if (version != kRecordVersion) reader.fail("version");
  const std::uint8_t flags = reader.byte("flags");
  if ((flags & kDigestFlags) == 0 || (flags & ~kKnownFlags) != 0) reader.fail("flags");
  record.hashes.md5 = reader.digest<tie::Md5>((flags & kHasMd5) != 0, "md5");
  record.hashes.sha1 = reader.digest<tie::Sha1>((flags & kHasSha1) != 0, "sha1");
  record.hashes.sha256 = reader.digest<tie::Sha256>((flags & kHasSha256) != 0, "sha256");
  record.prevalent = (flags & kPrevalent) != 0;
  record.first_instance_sent = (flags & kFirstInstanceSent) != 0;
  record.created = reader.signed_varint("created");
  record.first_contact = reader.signed_varint("first contact");
  record.last_used = reader.signed_varint("last used");
  record.file_type = reader.varint("file type");
  record.reference_count = reader.varint("reference count");
  read_lists(reader, record);
  if (reader.damaged() == nullptr && !reader.at_end()) reader.fail("end: bytes behind it");
  if (reader.damaged() != nullptr)
    return dxl::fail(
        dxl::ErrorCode::kStorage,
        fmt::format("file record of {} bytes is damaged at {}", bytes.size(), reader.damaged()));
  return record;
}

}  // namespace tiara::store
