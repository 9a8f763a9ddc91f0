// Revocation lists, as a file and as an event: what is taken is a thumbprint, and comes back the
// same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fabric/revocation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tiara::fabric;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const RevocationEvent event = parse_revocation_event(text);
  if (event.thumbprints.size() > kMaxRevocationsPerEvent) std::abort();
  const RevocationList list(event.thumbprints);
  std::string again;
  for (const std::string& thumbprint : event.thumbprints) {
    if (!list.contains(thumbprint, {}, {})) std::abort();
    again += thumbprint + "\n";
  }
  if (parse_revocation_event(again).thumbprints != event.thumbprints) std::abort();
  const auto file = parse_revocation_file(text, "file");
  // A file is taken whole or not at all; an event leaves out its broken lines.
  if (file && event.complaint.empty() && *file != event.thumbprints) std::abort();
  return 0;
}
