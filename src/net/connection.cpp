#include "net/connection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/output_chunks.hpp"

namespace tiara::net {
namespace {

using Status = IoResult::Status;

// An unconsumed tail up to this size is put in front of the next read in the loop's buffer; a
// longer one (a large message on its way) grows in its own buffer, so that it is not moved per
// turn.
constexpr std::size_t kTailInPlace = 64 * 1024;
// Capacity an idle connection may keep of its tail.
constexpr std::size_t kIdleCapacity = 512;

}  // namespace

struct Connection::Impl {
  Impl(Loop& on, std::unique_ptr<Stream> over, ConnectionHandler& to,
       const ConnectionLimits& within)
      : loop(on),
        stream(std::move(over)),
        handler(to),
        limits(within),
        last_read(on.turn_began()) {}

  Loop& loop;
  std::unique_ptr<Stream> stream;
  ConnectionHandler& handler;
  ConnectionLimits limits;
  Connection* self = nullptr;

  enum class Phase { kHandshake, kOpen, kClosed } phase = Phase::kHandshake;
  bool closing = false;     // close() was called or the stream failed; on_closed is posted
  bool can_write = true;    // false once the stream has failed
  bool dirty = false;       // on the end-of-turn list
  bool read_armed = false;  // a read wait or a posted read is pending
  bool write_armed = false;
  bool more_to_read = false;      // the last read left bytes that the descriptor will not announce
  bool read_wants_write = false;  // TLS has to answer (a key update) before it can read on
  bool paused = false;
  bool redeliver = false;  // input was resumed: `tail` comes again without more behind it

  std::unique_ptr<Loop::Timer> handshake_timer;
  OutputChunks output;
  std::string tail;  // input the handler did not consume
  std::size_t stream_held = 0, accounted = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::chrono::steady_clock::time_point last_read;

  void step_handshake();
  void arm_handshake_deadline();
  void on_readable();
  void read();
  void deliver(std::size_t count);
  void mark_dirty();
  void arm_read();
  void wait_for_input();
  std::size_t buffers_held() const { return output.held_bytes() + heap_bytes(tail); }
  void flush();
  void write_output();
  void account();
  void begin_close(dxl::Error reason);
  void finish_close();
  void release();
};

void Connection::Impl::step_handshake() {
  if (phase != Phase::kHandshake || closing) return;
  IoResult result = stream->handshake();
  switch (result.status) {
    case Status::kDone:
      handshake_timer.reset();
      phase = Phase::kOpen;
      more_to_read = stream->has_buffered_input();
      mark_dirty();
      handler.on_open(*self);
      return;
    case Status::kWouldBlock: {
      if (handshake_timer == nullptr) arm_handshake_deadline();
      auto again = [this] {
        const auto keep = self->shared_from_this();
        step_handshake();
      };
      stream->wants_write() ? stream->wait_writable(again) : stream->wait_readable(again);
      return;
    }
    case Status::kEnd:
      begin_close(
          {dxl::ErrorCode::kConnect, "the peer closed the connection during the handshake"});
      return;
    case Status::kFailed:
      begin_close(std::move(result.error));
      return;
  }
}

void Connection::Impl::arm_handshake_deadline() {
  handshake_timer = loop.schedule(limits.handshake_deadline, [this] {
    begin_close({dxl::ErrorCode::kTimedOut, "the peer did not finish the handshake within " +
                                                std::to_string(limits.handshake_deadline.count()) +
                                                " ms"});
  });
}

void Connection::Impl::mark_dirty() {
  if (phase == Phase::kClosed || std::exchange(dirty, true)) return;
  loop.at_end_of_turn(self->weak_from_this());
}

void Connection::Impl::on_readable() {
  const bool is_quiet = loop.turn_began() - last_read >= limits.quiet;
  if (!is_quiet || !stream->peer_has_left()) return read();
  loop.post_paced([weak = self->weak_from_this()] {
    const auto connection = weak.lock();
    if (!connection) return;
    Impl& impl = *connection->impl_;
    impl.read();
    if (impl.closing) impl.finish_close();  // within the time that paced tasks get
  });
}

void Connection::Impl::read() {
  last_read = loop.turn_began();
  read_armed = false;
  if (closing) return;
  if (paused) {
    more_to_read = true;  // or so it seems: resume_input() finds out
    return;
  }
  std::vector<char>& buffer = loop.read_buffer();
  const std::size_t front = tail.size() <= kTailInPlace ? tail.size() : 0;
  if (buffer.size() < kTailInPlace + limits.read_per_turn) {
    buffer.resize(kTailInPlace + limits.read_per_turn);
  }
  mark_dirty();  // to wait for more, at the end of the turn
  if (std::exchange(redeliver, false) && !tail.empty()) return deliver(0);
  IoResult result = stream->read(buffer.data() + front, limits.read_per_turn);
  switch (result.status) {
    case Status::kDone:
      more_to_read = result.bytes == limits.read_per_turn || stream->has_buffered_input();
      if (result.bytes > 0) deliver(result.bytes);  // frames may carry nothing for us
      return;
    case Status::kWouldBlock:
      more_to_read = false;
      read_wants_write = stream->wants_write();
      return;
    case Status::kEnd:
      begin_close({dxl::ErrorCode::kNotConnected, "the peer closed the connection"});
      return;
    case Status::kFailed:
      can_write = false;
      begin_close(std::move(result.error));
      return;
  }
}

// `count` new bytes lie in the loop's buffer, behind room for a short tail.
void Connection::Impl::deliver(std::size_t count) {
  bytes_in += count;
  const char* const buffer = loop.read_buffer().data();
  if (tail.size() > kTailInPlace) {
    tail.append(buffer, count);
    const std::size_t consumed = handler.on_bytes(*self, tail);
    tail.erase(0, std::min(consumed, tail.size()));
    if (tail.size() <= kTailInPlace) tail.shrink_to_fit();
  } else {
    if (!tail.empty()) std::memcpy(loop.read_buffer().data(), tail.data(), tail.size());
    const std::string_view bytes(buffer, tail.size() + count);
    const std::size_t consumed = std::min(handler.on_bytes(*self, bytes), bytes.size());
    if (consumed == bytes.size() && tail.capacity() > kIdleCapacity) {
      std::string().swap(tail);
    } else {
      tail.assign(bytes.substr(consumed));
    }
  }
  account();
}

void Connection::Impl::arm_read() {
  if (read_armed || paused || self->holds_back_input()) return;
  read_armed = true;
  if (!more_to_read) {
    wait_for_input();
    return;
  }
  // Turns of the others come first: that is what the bound per turn is for.
  loop.post([weak = self->weak_from_this()] {
    if (const auto connection = weak.lock()) connection->impl_->read();
  });
}

void Connection::Impl::wait_for_input() {
  auto ready = [this] {
    const auto keep = self->shared_from_this();
    on_readable();
  };
  // With output of our own waiting, its write wait makes room for that answer as well.
  if (std::exchange(read_wants_write, false) && !write_armed) {
    stream->wait_writable(ready);
  } else {
    stream->wait_readable(ready);
  }
}

void Connection::Impl::flush() {
  if (phase == Phase::kOpen && can_write && !write_armed) write_output();
}

void Connection::Impl::write_output() {
  while (output.unsent() > 0) {
    IoResult result = stream->write(output.front());
    if (result.status == Status::kDone) {
      output.consume(result.bytes);
      bytes_out += result.bytes;
      continue;
    }
    if (result.status == Status::kWouldBlock) break;
    can_write = false;
    begin_close(result.status == Status::kFailed
                    ? std::move(result.error)
                    : dxl::Error{dxl::ErrorCode::kNotConnected, "the peer closed the connection"});
    return;
  }
  output.trim(loop);
}

void Connection::Impl::account() {
  const std::size_t held = buffers_held() + stream_held;
  if (held == accounted) return;
  // Unsigned arithmetic makes the difference right in both directions.
  if (limits.budget) limits.budget->used.fetch_add(held - accounted, std::memory_order_relaxed);
  accounted = held;
}

// Within a turn, the close itself happens at its end and on_closed in the next one; the task closes
// only what was told to outside of one.
void Connection::Impl::begin_close(dxl::Error reason) {
  if (std::exchange(closing, true)) return;
  handshake_timer.reset();
  mark_dirty();
  loop.post([connection = self->shared_from_this(), why = std::move(reason)] {
    Impl& impl = *connection->impl_;
    impl.finish_close();
    impl.handler.on_closed(*connection, why);
  });
}

void Connection::Impl::finish_close() {
  if (phase == Phase::kClosed) return;
  flush();
  release();
}

void Connection::Impl::release() {
  phase = Phase::kClosed;
  stream->close();
  output.clear();
  std::string().swap(tail);
  stream_held = 0;
  account();
}

std::shared_ptr<Connection> Connection::start(Loop& loop, std::unique_ptr<Stream> stream,
                                              ConnectionHandler& handler,
                                              const ConnectionLimits& limits) {
  auto impl = std::make_unique<Impl>(loop, std::move(stream), handler, limits);
  std::shared_ptr<Connection> connection(new Connection(std::move(impl)));
  connection->impl_->self = connection.get();
  // Posted, so that on_open never comes before the caller has the connection in hand.
  loop.post([weak = std::weak_ptr(connection)] {
    if (const auto alive = weak.lock()) alive->impl_->step_handshake();
  });
  return connection;
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Connection::~Connection() {
  if (impl_->phase != Impl::Phase::kClosed) impl_->release();
}

void Connection::end_of_turn() {
  Impl& impl = *impl_;
  impl.dirty = false;
  if (impl.phase == Impl::Phase::kClosed) return;
  if (!impl.closing) impl.flush();
  if (impl.closing) {  // perhaps since the flush
    impl.finish_close();
    return;
  }
  if (impl.phase != Impl::Phase::kOpen) return;
  impl.stream_held = impl.stream->held_bytes();
  impl.account();
  if (impl.output.unsent() > 0 && !std::exchange(impl.write_armed, true)) {
    impl.stream->wait_writable([this] {
      impl_->write_armed = false;
      impl_->mark_dirty();
    });
  }
  impl.arm_read();
}

std::string& Connection::output() { return impl_->output.end(impl_->loop); }

std::size_t Connection::unsent_bytes() const { return impl_->output.unsent(); }
bool Connection::holds_back_input() const {
  return unsent_bytes() > impl_->limits.output_high_water;
}

bool Connection::above_limit() const { return unsent_bytes() > impl_->limits.output_limit; }

void Connection::flush_later() {
  impl_->mark_dirty();
  impl_->account();
}

std::size_t Connection::held_bytes() const {
  return impl_->buffers_held() + impl_->stream->held_bytes();
}

void Connection::pause_input() { impl_->paused = true; }

void Connection::resume_input() {
  if (!std::exchange(impl_->paused, false)) return;
  impl_->redeliver = impl_->more_to_read = true;
  impl_->mark_dirty();
}

void Connection::close(dxl::Error reason) { impl_->begin_close(std::move(reason)); }

void Connection::abort(dxl::Error reason) {
  impl_->can_write = false;
  impl_->output.clear();
  impl_->account();
  impl_->begin_close(std::move(reason));
}

bool Connection::closing() const { return impl_->closing; }
const std::vector<PeerCertificate>& Connection::peer_chain() const {
  return impl_->stream->peer_chain();
}
std::string Connection::peer_name() const { return impl_->stream->peer_name(); }
std::uint64_t Connection::bytes_in() const { return impl_->bytes_in; }
std::uint64_t Connection::bytes_out() const { return impl_->bytes_out; }

}  // namespace tiara::net
