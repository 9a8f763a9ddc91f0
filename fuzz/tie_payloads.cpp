// Every TIE decoder on the same bytes. What decodes must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tie/codec.hpp"

namespace {

template <class Value, class Append, class Decode>
void expect_roundtrip(const Value& value, Append append, Decode decode) {
  std::string text;
  append(value, text);
  const auto again = decode(text);
  if (!again || !(*again == value)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  (void)tie::decode_get_file_reputation(payload);
  (void)tie::decode_set_file_reputation(payload);
  (void)tie::decode_outcome_request(payload);
  (void)tie::decode_outcome(payload);
  (void)tie::detect_file_type(payload, "");
  if (const auto report = tie::decode_external_report(payload))
    expect_roundtrip(*report, tie::append_external_report, tie::decode_external_report);
  if (const auto answer = tie::decode_reputations(payload))
    expect_roundtrip(*answer, tie::append_reputations, tie::decode_reputations);
  if (auto change = tie::decode_file_change(payload)) {
    // Snapshots carry no submitMetaData (L6).
    change->old_reputations.submit_metadata = change->new_reputations.submit_metadata = false;
    const auto append = [](const tie::FileReputationChange& value, std::string& out) {
      tie::append_file_change(value, {}, out);
    };
    expect_roundtrip(*change, append, tie::decode_file_change);
  }
  return 0;
}
