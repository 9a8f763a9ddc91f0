#include "net/web_socket_frames.hpp"

#include <wslay/wslay.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using dxl::fail;

constexpr std::size_t kContextBytes = 4264;  // what wslay 1.1 allocates
constexpr std::size_t kMaxSpares = 8;        // per thread and kind
constexpr std::size_t kShortLength = 126;    // from here on the length takes 2 more bytes
constexpr std::size_t kLongLength = 65536;   // and from here on 8

bool is_known(Opcode opcode) {
  return opcode <= Opcode::kBinary || (opcode >= Opcode::kClose && opcode <= Opcode::kPong);
}

std::uint64_t header_bytes(const wslay_frame_iocb& frame) {
  const unsigned length = frame.payload_length < kShortLength  ? 0
                          : frame.payload_length < kLongLength ? 2
                                                               : 8;
  return 2U + length + (frame.mask != 0 ? std::tuple_size_v<MaskKey> : 0U);
}

}  // namespace

// A wslay context with what its callbacks work on. Between two frames any one is as good as
// another.
class WslayContext {
 public:
  WslayContext() {
    const wslay_frame_callbacks callbacks{send, receive, make_mask};
    if (wslay_frame_context_init(&context_, &callbacks, this) != 0) throw std::bad_alloc();
  }
  ~WslayContext() { wslay_frame_context_free(context_); }
  WslayContext(const WslayContext&) = delete;
  WslayContext& operator=(const WslayContext&) = delete;

  // Once a context has masked, it masks every later frame.
  static std::unique_ptr<WslayContext> borrow(bool masks) {
    auto& all = spares(masks);
    if (all.empty()) return std::make_unique<WslayContext>();
    auto context = std::move(all.back());
    all.pop_back();
    return context;
  }
  static void give_back(std::unique_ptr<WslayContext> context, bool masks) {
    context->taken = 0;
    context->accounted = 0;
    auto& all = spares(masks);
    if (all.size() < kMaxSpares) all.push_back(std::move(context));
  }

  wslay_frame_context_ptr get() { return context_; }
  // wslay holds nothing that was not given out.
  bool is_between_frames() const { return taken == accounted; }

  std::string_view input;
  std::uint64_t taken = 0;      // of the input, by wslay
  std::uint64_t accounted = 0;  // of that, in frames that are complete
  std::string* output = nullptr;
  MaskKey mask{};

 private:
  static std::vector<std::unique_ptr<WslayContext>>& spares(bool masks) {
    thread_local std::array<std::vector<std::unique_ptr<WslayContext>>, 2> all;
    return all[masks ? 1 : 0];
  }
  static ssize_t receive(std::uint8_t* into, std::size_t capacity, int, void* user) {
    auto& self = *static_cast<WslayContext*>(user);
    const std::size_t count = std::min(capacity, self.input.size());
    if (count == 0) return -1;
    std::memcpy(into, self.input.data(), count);
    self.input.remove_prefix(count);
    self.taken += count;
    return static_cast<ssize_t>(count);
  }
  static ssize_t send(const std::uint8_t* data, std::size_t size, int, void* user) {
    static_cast<WslayContext*>(user)->output->append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }
  static int make_mask(std::uint8_t* into, std::size_t size, void* user) {
    const MaskKey& mask = static_cast<WslayContext*>(user)->mask;
    if (size != mask.size()) return -1;
    std::memcpy(into, mask.data(), size);
    return 0;
  }

  wslay_frame_context_ptr context_ = nullptr;
};

FrameReader::FrameReader() = default;
FrameReader::~FrameReader() = default;
FrameReader::FrameReader(FrameReader&&) noexcept = default;
FrameReader& FrameReader::operator=(FrameReader&&) noexcept = default;

void FrameReader::feed(std::string_view input) {
  if (context_ == nullptr) context_ = WslayContext::borrow(false);
  context_->input = input;
}

dxl::Result<std::optional<FramePiece>> FrameReader::next() {
  if (context_ == nullptr) return std::optional<FramePiece>();
  wslay_frame_iocb frame{};
  const ssize_t count = wslay_frame_recv(context_->get(), &frame);
  if (count == WSLAY_ERR_WANT_READ) {
    if (context_->is_between_frames()) WslayContext::give_back(std::move(context_), false);
    return std::optional<FramePiece>();
  }
  if (count < 0) {
    return fail(
        ErrorCode::kMalformed,
        "WebSocket: a control frame in fragments or above 125 bytes, or a frame length in a "
        "longer form than needed");
  }
  const auto opcode = static_cast<Opcode>(frame.opcode);
  if (!std::exchange(in_frame_, true)) {
    if (auto checked = check(opcode, frame.fin != 0, frame.rsv); !checked) {
      return fail(std::move(checked.error()));
    }
  }
  frame_taken_ += frame.data_length;
  const bool ends_frame = frame_taken_ == frame.payload_length;
  if (ends_frame) {
    context_->accounted += header_bytes(frame) + frame.payload_length;
    frame_taken_ = 0;
    in_frame_ = false;
  }
  return FramePiece{
      opcode, ends_frame, {reinterpret_cast<const char*>(frame.data), frame.data_length}};
}

dxl::Result<void> FrameReader::check(Opcode opcode, bool is_final, std::uint8_t reserved_bits) {
  if (reserved_bits != 0) {
    return fail(ErrorCode::kMalformed,
                "WebSocket: a frame with reserved bits, but no extension was agreed on");
  }
  if (!is_known(opcode)) {
    return fail(ErrorCode::kMalformed, fmt::format("WebSocket: a frame with the unknown opcode {}",
                                                   static_cast<unsigned>(opcode)));
  }
  if (is_control(opcode)) return {};
  if (in_message_ != (opcode == Opcode::kContinuation)) {
    return fail(ErrorCode::kMalformed,
                in_message_ ? "WebSocket: a new message before the last one's final frame"
                            : "WebSocket: a continuation frame without a message to continue");
  }
  in_message_ = !is_final;
  return {};
}

std::size_t FrameReader::held_bytes() const { return context_ == nullptr ? 0 : kContextBytes; }

void append_frame(Opcode opcode, std::string_view payload, const std::optional<MaskKey>& mask,
                  std::string& out) {
  auto context = WslayContext::borrow(mask.has_value());
  context->output = &out;
  if (mask) context->mask = *mask;
  wslay_frame_iocb frame{};
  frame.fin = 1;
  frame.opcode = static_cast<std::uint8_t>(opcode);
  frame.mask = mask ? 1 : 0;
  frame.payload_length = payload.size();
  frame.data = reinterpret_cast<const std::uint8_t*>(payload.data());
  frame.data_length = payload.size();
  // Our callbacks take everything, so one call is the whole frame.
  if (wslay_frame_send(context->get(), &frame) != static_cast<ssize_t>(payload.size()))
    std::abort();
  WslayContext::give_back(std::move(context), mask.has_value());
}

}  // namespace tiara::net
