// Every decoder of what the store keeps on disk. What decodes must encode to the same bytes, except
// file records of version 1, which are only read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/audit_codec.hpp"
#include "store/record_codec.hpp"

namespace {

void expect_same(std::string_view bytes, const std::string& encoded) {
  if (encoded != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tiara::store;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string encoded;
  if (const auto record = decode_record(bytes)) {
    append_record(*record, encoded);
    if (data[0] == kRecordVersion) expect_same(bytes, encoded);
  }
  encoded.clear();
  if (const auto record = decode_cert_record(bytes)) {
    append_record(*record, encoded);
    expect_same(bytes, encoded);
  }
  encoded.clear();
  if (const auto entry = decode_audit_entry(bytes)) {
    append_audit_entry(*entry, encoded);
    expect_same(bytes, encoded);
  }
  return 0;
}
