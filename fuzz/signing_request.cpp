// Any text is either refused with a reason or has a common name, a subject and a key.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "broker/signing_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = tiara::broker::parse_signing_request(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) return parsed.error().message.empty() ? std::abort(), 1 : 0;
  if (parsed->common_name.empty() || parsed->subject_der.empty() || parsed->public_key_der.empty())
    std::abort();
  return 0;
}
