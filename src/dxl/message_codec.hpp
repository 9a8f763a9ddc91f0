// DXL messages as bytes (DXL reference §2): a run of msgpack objects, versions 0 to 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/message.hpp"
#include "dxl/result.hpp"
#include "dxl/string_list.hpp"

namespace dxl {

enum class MessageType : std::uint8_t {
  kRequest = 0,
  kResponse = 1,
  kEvent = 2,
  kErrorResponse = 3
};

inline constexpr std::uint32_t kNewestVersion = 3;

// Limits of the decoder; a message beyond one of them is refused, never truncated.
struct MessageLimits {
  std::size_t message_bytes = 1024 * 1024;  // the original broker's messageSizeLimit
  std::size_t list_elements =
      10'000;  // destinations, tenants, other fields (keys and values counted)
  // Of an odd number of other fields all are dropped, as the original broker does, instead of
  // refusing the message.
  bool drops_odd_other_fields = false;
};

// One message, borrowed from the bytes it was decoded from or from the caller's strings. Fields
// that the type or version lacks are empty. `payload` is bytes.
struct MessageView {
  std::uint32_t version = kNewestVersion;
  MessageType type = MessageType::kEvent;
  std::string_view message_id;
  std::string_view source_client_id;
  std::string_view source_broker_id;
  StringListView broker_ids;
  StringListView client_ids;
  std::string_view payload;
  std::string_view reply_to_topic;      // Request
  std::string_view request_message_id;  // Response, ErrorResponse
  std::string_view service_id;          // all but Event
  std::uint32_t error_code = 0;         // ErrorResponse; unsigned, whatever the sign on the wire
  std::string_view error_message;       // ErrorResponse
  StringListView other_fields;          // flat: key, value, key, value, …; always even
  std::string_view source_tenant_guid;
  StringListView destination_tenant_guids;
  std::string_view source_client_instance_id;
};

// Zero-copy: the view points into `bytes`. Accepts every str and bin form, nil as empty string,
// non-minimal numbers, newer versions and trailing bytes (§2.2, §2.3). kMalformed with the field
// and offset otherwise; an odd number of other fields is malformed. Never allocates from a length
// on the wire.
Result<MessageView> decode_message(std::string_view bytes, const MessageLimits& limits = {});

// Where the payload of a message lies, read from its first bytes alone: for a message that is too
// long to be kept.
struct PayloadPlace {
  std::size_t header_begin = 0;  // of the payload's own length
  std::size_t begin = 0;         // of the payload
  std::size_t size = 0;
};
// nullopt: not a DXL message, or `head` ends before the payload begins.
std::optional<PayloadPlace> find_payload(std::string_view head, const MessageLimits& limits = {});

// How an error code from 2^31 up is written. Java reads only int32, so product code never uses
// kMinimal; golden vectors of the Python client need it.
enum class ErrorCodeForm : std::uint8_t { kInt32, kMinimal };

// Appends `message` in its own version (0 to 3; higher is written as 3), raw family only, minimal
// lengths.
void append_message(const MessageView& message, std::string& out,
                    ErrorCodeForm form = ErrorCodeForm::kInt32);

// Between views and owning values. The topic is not part of the bytes, so it is handed in.
Message to_message(const MessageView& view, std::string_view topic);

// A view over `message`; `scratch` keeps the flattened other fields and must outlive the view.
MessageView to_view(const Message& message, std::vector<std::string_view>& scratch);

}  // namespace dxl
