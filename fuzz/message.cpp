// What decodes must encode, and decode again to the same message.
#include <cstdlib>
#include <string>
#include <vector>

#include "dxl/message_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const dxl::Result<dxl::MessageView> view = dxl::decode_message(input);
  if (!view) return 0;
  std::vector<std::string_view> scratch;
  const dxl::Message message = dxl::to_message(*view, "/topic");
  std::string direct, through_values, again;
  dxl::append_message(*view, direct);
  dxl::append_message(dxl::to_view(message, scratch), through_values);
  const dxl::Result<dxl::MessageView> second = dxl::decode_message(direct);
  if (!second) std::abort();
  dxl::append_message(*second, again);
  if (again != direct) std::abort();
  // Values are of the newest version, and an ErrorResponse has no payload.
  const bool kept = view->version >= dxl::kNewestVersion &&
                    (view->type != dxl::MessageType::kErrorResponse || view->payload.empty());
  if (kept && through_values != direct) std::abort();
  return 0;
}
