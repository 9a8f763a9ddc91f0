#include "net/web_socket_stream.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "net/web_socket_frames.hpp"
#include "net/web_socket_handshake.hpp"

namespace tiara::net {
namespace {

using Status = IoResult::Status;

enum CloseCode : unsigned {
  kNormalClosure = 1000,
  kProtocolError = 1002,
  kReservedForUse = 1004,
  kNoStatus = 1005,
  kAbnormal = 1006,
  kLastRegistered = 1014,
  kFirstPrivate = 3000,
  kLastPrivate = 4999,
};

std::string to_payload(unsigned code) {
  return {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
}

bool may_be_sent(unsigned code) {
  if (code >= kFirstPrivate) return code <= kLastPrivate;
  return code >= kNormalClosure && code <= kLastRegistered && code != kReservedForUse &&
         code != kNoStatus && code != kAbnormal;
}

// Of the frame that is encoded: the caller keeps the payload, so it can be made again for each try.
std::string& frame_scratch() {
  thread_local std::string scratch;
  scratch.clear();
  return scratch;
}

class WebSocketStream final : public Stream {
 public:
  WebSocketStream(std::unique_ptr<Stream> inner, WebSocketHandshake handshake, bool is_client)
      : inner_(std::move(inner)),
        handshake_(std::make_unique<WebSocketHandshake>(std::move(handshake))),
        is_client_(is_client) {}

  IoResult handshake() override;
  IoResult read(char* into, std::size_t capacity) override;
  IoResult write(std::string_view bytes) override;
  bool wants_write() const override { return wants_write_; }
  bool peer_has_left() const override { return inner_->peer_has_left(); }
  bool has_buffered_input() const override {
    return end_ || !early_.empty() || inner_->has_buffered_input();
  }
  void wait_readable(std::function<void()> ready) override {
    inner_->wait_readable(std::move(ready));
  }
  void wait_writable(std::function<void()> ready) override {
    on_writable_ = std::move(ready);
    arm_write();
  }
  void move_to(Loop& loop) override { inner_->move_to(loop); }
  std::size_t held_bytes() const override;
  void close() override;
  const std::vector<PeerCertificate>& peer_chain() const override { return inner_->peer_chain(); }
  std::string peer_name() const override { return inner_->peer_name(); }

 private:
  bool is_open() const { return handshake_ == nullptr; }
  IoResult read_frames(char* into, std::size_t capacity);
  std::size_t unframe(char* into, std::size_t count);
  void on_control(Opcode opcode);
  void end_with(IoResult result, std::string close_payload);
  std::optional<MaskKey> make_mask() const;
  IoResult write_frame(std::string_view payload);
  void flush_control();
  bool take_control();
  void arm_write();

  std::unique_ptr<Stream> inner_;
  std::unique_ptr<WebSocketHandshake> handshake_;  // until it is done
  const bool is_client_;
  bool is_inner_established_ = false;
  bool wants_write_ = false;

  std::string early_;  // frames that came with the HTTP head
  FrameReader reader_;
  std::string control_payload_;  // of a control frame on its way in
  std::optional<IoResult> end_;  // the result of every later read

  // The data frame on its way out; the caller holds its payload until all of it is sent.
  std::size_t frame_payload_ = 0;
  std::size_t frame_sent_ = 0;
  std::optional<MaskKey> frame_mask_;

  std::optional<std::string> pong_;   // payload; a newer ping replaces it
  std::optional<std::string> close_;  // payload
  std::string control_;               // the control frame on its way out
  std::size_t control_sent_ = 0;
  bool is_close_sent_ = false;  // nothing may follow
  bool is_closed_ = false;

  bool is_write_armed_ = false;
  std::function<void()> on_writable_;  // the caller's
};

IoResult WebSocketStream::handshake() {
  wants_write_ = false;
  if (!is_inner_established_) {
    IoResult result = inner_->handshake();
    if (result.status != Status::kDone) {
      wants_write_ = result.status == Status::kWouldBlock && inner_->wants_write();
      return result;
    }
    is_inner_established_ = true;
  }
  if (is_open()) return {Status::kDone, 0, {}};
  IoResult result = handshake_->step(*inner_);
  wants_write_ = handshake_->wants_write();
  if (result.status == Status::kDone) {
    early_ = handshake_->take_early_input();
    handshake_.reset();
  }
  return result;
}

IoResult WebSocketStream::read(char* into, std::size_t capacity) {
  flush_control();
  wants_write_ = false;
  if (end_) return *end_;
  IoResult result = read_frames(into, capacity);
  if (result.status == Status::kWouldBlock) wants_write_ = inner_->wants_write();
  // Our close frame goes behind the answers to what came before it.
  if (!end_ || result.status != Status::kDone) flush_control();
  return result;
}

IoResult WebSocketStream::read_frames(char* into, std::size_t capacity) {
  IoResult result{Status::kDone, 0, {}};
  if (!early_.empty()) {
    result.bytes = early_.copy(into, capacity);
    early_.erase(0, result.bytes);
    if (early_.empty()) std::string().swap(early_);
  } else {
    result = inner_->read(into, capacity);
  }
  if (result.status != Status::kDone) return result;
  result.bytes = unframe(into, result.bytes);
  if (result.bytes == 0 && end_) return *end_;
  return result;
}

// Payload moves to the front of the bytes it came in.
std::size_t WebSocketStream::unframe(char* into, std::size_t count) {
  std::size_t size = 0;
  reader_.feed({into, count});
  while (!end_) {
    auto next = reader_.next();
    if (!next) {
      end_with({Status::kFailed, 0, std::move(next.error())}, to_payload(kProtocolError));
      break;
    }
    if (!next->has_value()) break;
    const FramePiece& piece = **next;
    if (!is_control(piece.opcode)) {
      std::memcpy(into + size, piece.data.data(), piece.data.size());
      size += piece.data.size();
      continue;
    }
    control_payload_ += piece.data;
    if (!piece.ends_frame) continue;
    on_control(piece.opcode);
    std::string().swap(control_payload_);
  }
  return size;
}

void WebSocketStream::on_control(Opcode opcode) {
  if (opcode == Opcode::kPing) pong_ = control_payload_;
  if (opcode != Opcode::kClose) return;  // a pong answers nothing that we asked
  if (control_payload_.size() == 1) {
    end_with({Status::kFailed,
              0,
              {dxl::ErrorCode::kMalformed, "WebSocket: a close frame with half a status code"}},
             to_payload(kProtocolError));
    return;
  }
  std::string echo;
  if (control_payload_.size() >= 2) {
    const unsigned code = static_cast<unsigned char>(control_payload_[0]) * 256U +
                          static_cast<unsigned char>(control_payload_[1]);
    echo = to_payload(may_be_sent(code) ? code : unsigned{kProtocolError});
  }
  end_with({Status::kEnd, 0, {}}, std::move(echo));
}

void WebSocketStream::end_with(IoResult result, std::string close_payload) {
  end_ = std::move(result);
  if (!close_) close_ = std::move(close_payload);
  reader_ = FrameReader();
}

std::optional<MaskKey> WebSocketStream::make_mask() const {
  if (!is_client_) return std::nullopt;
  MaskKey key;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), key.size()) != 1) std::abort();
  return key;
}

IoResult WebSocketStream::write(std::string_view bytes) {
  wants_write_ = false;
  if (bytes.empty()) return {Status::kDone, 0, {}};
  if (frame_payload_ == 0) {
    if (!close_ || !control_.empty()) flush_control();
    if (!control_.empty()) {
      wants_write_ = true;
      return {Status::kWouldBlock, 0, {}};
    }
    if (is_close_sent_) {
      return {Status::kFailed,
              0,
              {dxl::ErrorCode::kNotConnected, "WebSocket: the connection is closed already"}};
    }
    frame_payload_ = std::min(bytes.size(), kMaxWebSocketPayload);
    frame_sent_ = 0;
    frame_mask_ = make_mask();
  }
  if (bytes.size() < frame_payload_) {
    return {Status::kFailed,
            0,
            {dxl::ErrorCode::kInvalidArgument, "WebSocket: a write that was not repeated"}};
  }
  IoResult result = write_frame(bytes.substr(0, frame_payload_));
  if (result.status != Status::kDone) return result;
  frame_payload_ = 0;
  if (!close_) flush_control();
  return result;
}

IoResult WebSocketStream::write_frame(std::string_view payload) {
  std::string& frame = frame_scratch();
  append_frame(Opcode::kBinary, payload, frame_mask_, frame);
  while (frame_sent_ < frame.size()) {
    IoResult result = inner_->write(std::string_view(frame).substr(frame_sent_));
    if (result.status == Status::kWouldBlock) wants_write_ = inner_->wants_write();
    if (result.status != Status::kDone) return result;
    frame_sent_ += result.bytes;
  }
  return {Status::kDone, payload.size(), {}};
}

// Sends pending control frames as far as it goes; they do not fit into a data frame on its way out.
void WebSocketStream::flush_control() {
  if (!is_open() || is_closed_ || frame_payload_ != 0) return;
  while (!control_.empty() || take_control()) {
    const IoResult result = inner_->write(std::string_view(control_).substr(control_sent_));
    if (result.status == Status::kWouldBlock) {
      arm_write();
      return;
    }
    control_sent_ += result.bytes;
    // A failure: the next read or write tells.
    const bool is_over = result.status != Status::kDone || control_sent_ >= control_.size();
    if (is_over) std::string().swap(control_);
  }
}

// Whether there is one to send now.
bool WebSocketStream::take_control() {
  if (is_close_sent_ || (!close_ && !pong_)) return false;
  control_sent_ = 0;
  if (close_) {
    append_frame(Opcode::kClose, *close_, make_mask(), control_);
    is_close_sent_ = true;
  } else {
    append_frame(Opcode::kPong, *pong_, make_mask(), control_);
  }
  pong_.reset();
  return true;
}

// One wait for the caller's output and for our control frames: without output of its own the caller
// would never give them a chance.
void WebSocketStream::arm_write() {
  if (std::exchange(is_write_armed_, true)) return;
  inner_->wait_writable([this] {
    is_write_armed_ = false;
    auto ready = std::exchange(on_writable_, nullptr);
    flush_control();
    if (ready) ready();  // last: it may end this stream
  });
}

std::size_t WebSocketStream::held_bytes() const {
  return inner_->held_bytes() + heap_bytes(early_) + reader_.held_bytes() +
         heap_bytes(control_payload_) + heap_bytes(control_) + (pong_ ? heap_bytes(*pong_) : 0) +
         (handshake_ != nullptr ? handshake_->held_bytes() : 0);
}

void WebSocketStream::close() {
  if (!is_closed_ && is_open()) {
    if (!close_) close_ = to_payload(kNormalClosure);
    flush_control();
  }
  is_closed_ = true;
  on_writable_ = nullptr;
  inner_->close();
}

}  // namespace

std::unique_ptr<Stream> make_web_socket_server_stream(std::unique_ptr<Stream> inner) {
  return std::make_unique<WebSocketStream>(std::move(inner), WebSocketHandshake::server(), false);
}

std::unique_ptr<Stream> make_web_socket_client_stream(std::unique_ptr<Stream> inner,
                                                      const std::string& host,
                                                      const std::string& path) {
  return std::make_unique<WebSocketStream>(std::move(inner), WebSocketHandshake::client(host, path),
                                           true);
}

}  // namespace tiara::net
