#include "net/connection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tiara::net {
namespace {

using Status = IoResult::Status;

// An unconsumed tail up to this size is put in front of the next read in the loop's buffer; a
// longer one (a large message on its way) grows in its own buffer, so that it is not moved per
// turn.
constexpr std::size_t kTailInPlace = 64 * 1024;
// Capacity an idle connection may keep per buffer.
constexpr std::size_t kIdleCapacity = 512;
// A chunk of output of this size is sealed and a new one begun.
constexpr std::size_t kChunkBytes = 256 * 1024;
// What a chunk that is half full gets at once: the last packet fits in as well, as a rule, and
// nothing has to be shrunk.
constexpr std::size_t kChunkCapacity = kChunkBytes + 32 * 1024;
// What a peer that does not read may cost beyond its backlog.
constexpr std::size_t kSlack = 4 * 1024;

// What fits into a string itself.
const std::size_t kInside = std::string().capacity();

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() <= kInside ? 0 : text.capacity() + 1;
}

}  // namespace

struct Connection::Impl {
  Impl(Loop& on, std::unique_ptr<Stream> over, ConnectionHandler& to,
       const ConnectionLimits& within)
      : loop(on), stream(std::move(over)), handler(to), limits(within) {}

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
  std::vector<std::string> sealed;  // full chunks of output, oldest first
  std::string chunk;                // the output behind them
  std::size_t sealed_bytes = 0, sealed_held = 0;
  std::size_t sent = 0;  // prefix of the first chunk that is gone already
  std::string tail;      // input the handler did not consume
  std::size_t stream_held = 0, accounted = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;

  void step_handshake();
  void arm_handshake_deadline();
  void on_readable();
  void deliver(std::size_t count);
  void mark_dirty();
  void arm_read();
  void wait_for_input();
  std::size_t unsent() const { return sealed_bytes + chunk.size() - sent; }
  std::size_t buffers_held() const { return sealed_held + heap_bytes(chunk) + heap_bytes(tail); }
  void seal();
  void flush();
  void write_output();
  void consume_output(std::size_t count);
  void trim_output();
  void drop_output();
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
      // Crowds leave at once, too, and nobody waits for the end of a connection.
      read_armed = true;  // there is nothing more to read
      loop.post_paced([weak = self->weak_from_this()] {
        if (const auto connection = weak.lock())
          connection->impl_->begin_close(
              {dxl::ErrorCode::kNotConnected, "the peer closed the connection", 0});
      });
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
  if (read_armed || paused || unsent() > limits.output_high_water) return;
  read_armed = true;
  if (!more_to_read) {
    wait_for_input();
    return;
  }
  // Turns of the others come first: that is what the bound per turn is for.
  loop.post([weak = self->weak_from_this()] {
    if (const auto connection = weak.lock()) connection->impl_->on_readable();
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
  while (unsent() > 0) {
    const std::string& front = sealed.empty() ? chunk : sealed.front();
    IoResult result = stream->write(std::string_view(front).substr(sent));
    if (result.status == Status::kDone) {
      consume_output(result.bytes);
      continue;
    }
    if (result.status == Status::kWouldBlock) break;
    can_write = false;
    begin_close(result.status == Status::kFailed
                    ? std::move(result.error)
                    : dxl::Error{dxl::ErrorCode::kNotConnected, "the peer closed the connection"});
    return;
  }
  trim_output();
}

void Connection::Impl::consume_output(std::size_t count) {
  sent += count;
  bytes_out += count;
  if (sealed.empty() || sent < sealed.front().size()) return;
  sealed_bytes -= sealed.front().size();
  sealed_held -= heap_bytes(sealed.front());
  sealed.erase(sealed.begin());
  sent = 0;
}

// Leaves no more memory than the unsent bytes need, or next to none.
void Connection::Impl::trim_output() {
  if (!sealed.empty()) return;
  std::vector<std::string>().swap(sealed);
  if (sent == chunk.size()) {
    chunk.clear();
    sent = 0;
    if (chunk.capacity() > kIdleCapacity) loop.give_buffer(std::exchange(chunk, {}));
  } else if (chunk.capacity() > 2 * unsent() + kSlack) {
    std::string rest(chunk, sent);
    sent = 0;
    chunk.swap(rest);
    loop.give_buffer(std::move(rest));
  }
}

// References to `chunk` stay good: it is only emptied.
void Connection::Impl::seal() {
  chunk.erase(0, sealed.empty() ? std::exchange(sent, 0) : 0);
  if (chunk.size() < kChunkBytes) return;
  if (chunk.capacity() > chunk.size() + chunk.size() / 4) chunk.shrink_to_fit();
  sealed_bytes += chunk.size();
  sealed_held += heap_bytes(chunk);
  sealed.push_back(std::exchange(chunk, {}));
}

void Connection::Impl::drop_output() {
  std::vector<std::string>().swap(sealed);
  std::string().swap(chunk);
  sealed_bytes = sealed_held = sent = 0;
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
  drop_output();
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
  if (impl.unsent() > 0 && !std::exchange(impl.write_armed, true)) {
    impl.stream->wait_writable([this] {
      impl_->write_armed = false;
      impl_->mark_dirty();
    });
  }
  impl.arm_read();
}

std::string& Connection::output() {
  std::string& chunk = impl_->chunk;
  if (chunk.size() >= kChunkBytes) impl_->seal();
  if (chunk.empty() && heap_bytes(chunk) == 0) {
    chunk = impl_->loop.take_buffer();
  } else if (chunk.size() >= kChunkBytes / 2 && chunk.capacity() < kChunkCapacity) {
    chunk.reserve(kChunkCapacity);
  }
  return chunk;
}

std::size_t Connection::unsent_bytes() const { return impl_->unsent(); }
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
  impl_->drop_output();
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
