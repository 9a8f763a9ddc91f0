// Any head either becomes a request that management can act on, or a refusal; no text of a peer
// adds a line to an answer.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/management.hpp"
#include "net/http_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tiara;
  const std::string_view head(reinterpret_cast<const char*>(data), size);
  const net::ParsedRequest parsed = net::parse_request(head, 1024);
  if (parsed.refusal) {
    const std::string answer = net::to_http(*parsed.refusal, false, false);
    const std::string_view status = std::string_view(answer).substr(0, answer.find("\r\n"));
    if (parsed.refusal->status < 400 || status.find('\n') != std::string_view::npos) std::abort();
    return 0;
  }
  if (!parsed.request.path.starts_with('/') || parsed.request.query.size() > 1024) std::abort();
  const auto value = net::find_parameter(parsed.request.query, "csrString");
  if (!value && value.error().message.empty()) std::abort();
  // It becomes part of lines and lists that these would cut.
  if (broker::find_reached(parsed.request).host.find_first_of(";,=\"\r\n ") != std::string::npos)
    std::abort();
  return 0;
}
