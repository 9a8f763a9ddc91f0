// WebSocket frames (RFC 6455 §5) to pieces of payload and back, on wslay's frame layer. wslay keeps
// 4 KiB of input per context, so a context is borrowed from the thread only while a frame has
// arrived in part. It does not look at which side masks: an unmasked frame is read like a masked
// one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

namespace tiara::net {

inline constexpr std::size_t kMaxControlPayload = 125;

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};
constexpr bool is_control(Opcode opcode) { return opcode >= Opcode::kClose; }

// A frame may come in several pieces; `data` may be empty.
struct FramePiece {
  Opcode opcode = Opcode::kBinary;
  bool ends_frame = false;
  std::string_view data;  // unmasked, until the next call
};

class WslayContext;

// One thread at a time; may change threads between calls.
class FrameReader {
 public:
  FrameReader();
  ~FrameReader();
  FrameReader(FrameReader&&) noexcept;
  FrameReader& operator=(FrameReader&&) noexcept;

  // `input` must stay until next() has returned nullopt or an error. Its front may be overwritten
  // with the pieces meanwhile: they are never longer than what was taken of it.
  void feed(std::string_view input);
  // nullopt: all input is taken. kMalformed, and nothing can follow: reserved bits or opcodes,
  // control frames in fragments or above kMaxControlPayload, lengths in a longer form than needed,
  // a continuation of nothing, a message inside another.
  dxl::Result<std::optional<FramePiece>> next();

  // 0 between two frames.
  std::size_t held_bytes() const;

 private:
  dxl::Result<void> check(Opcode opcode, bool is_final, std::uint8_t reserved_bits);

  std::unique_ptr<WslayContext> context_;
  std::uint64_t frame_taken_ = 0;  // payload of the current frame given out so far
  bool in_frame_ = false;
  bool in_message_ = false;  // a final data frame is still to come
};

using MaskKey = std::array<char, 4>;

// Appends one whole frame. `mask`: what clients need.
void append_frame(Opcode opcode, std::string_view payload, const std::optional<MaskKey>& mask,
                  std::string& out);

}  // namespace tiara::net
