// Every TIE decoder on the same bytes. What decodes must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tie/attributes.hpp"
#include "tie/payload_kinds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  (void)tie::detect_file_type(payload, "");
  (void)tie::decode_server_version(payload);
  (void)tie::decode_level_aggregate(payload);
  (void)tie::decode_profiler_flags(payload);
  for (const tie::PayloadKind& kind : tie::payload_kinds()) {
    const auto text = kind.rewrite(payload);
    // Written with all members, a payload at the limit may grow beyond it.
    if (!text || text->empty() || text->size() > tie::kMaxPayloadBytes) continue;
    const auto again = kind.rewrite(*text);
    // A batch keeps items that cannot be used, but what is written for them is empty.
    if (!again || *again != *text) std::abort();
  }
  return 0;
}
