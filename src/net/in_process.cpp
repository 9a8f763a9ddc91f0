#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <utility>

#include "net/endpoints.hpp"

namespace tiara::net {
namespace {

using Status = IoResult::Status;

// Per direction, once on the way and once more in the reader's hands.
constexpr std::size_t kQueueBytes = 1024 * 1024;

// One end's waits. Whoever makes progress possible clears the flag and posts, so that there is one
// post per transition and not one per message.
struct End {
  Loop* loop;  // null once closed: nothing is posted to it any more
  bool waits_readable = false;
  bool waits_writable = false;
  std::function<void()> on_readable, on_writable;  // end's own thread only
};

// What the two ends share. Ends are 0 and 1; queue i holds what end i will read.
struct Pair {
  Pair(Loop& first, Loop& second)
      : ends{End{&first, false, false, {}, {}}, End{&second, false, false, {}, {}}} {}
  std::mutex mutex;  // guards all but the callbacks
  std::array<End, 2> ends;
  std::array<std::string, 2> queues;
};

// With the mutex held. Posting under it is what keeps a loop from going away in between.
void notify_readable(const std::shared_ptr<Pair>& pair, std::size_t index) {
  End& end = pair->ends[index];
  if (end.loop == nullptr || !std::exchange(end.waits_readable, false)) return;
  end.loop->post([pair, index] {
    if (auto callback = std::exchange(pair->ends[index].on_readable, nullptr)) callback();
  });
}

void notify_writable(const std::shared_ptr<Pair>& pair, std::size_t index) {
  End& end = pair->ends[index];
  if (end.loop == nullptr || !std::exchange(end.waits_writable, false)) return;
  end.loop->post([pair, index] {
    if (auto callback = std::exchange(pair->ends[index].on_writable, nullptr)) callback();
  });
}

class InProcessStream final : public Stream {
 public:
  InProcessStream(std::shared_ptr<Pair> pair, std::size_t index, std::vector<PeerCertificate> chain)
      : pair_(std::move(pair)), index_(index), chain_(std::move(chain)) {}
  ~InProcessStream() override { InProcessStream::close(); }

  IoResult handshake() override { return {Status::kDone, 0, {}}; }
  IoResult read(char* into, std::size_t capacity) override;
  IoResult write(std::string_view bytes) override;
  bool wants_write() const override { return wants_write_; }
  bool has_buffered_input() const override { return taken_at_ < taken_.size(); }
  bool peer_has_left() const override {
    const std::lock_guard lock(pair_->mutex);
    return peer().loop == nullptr;
  }
  void wait_readable(std::function<void()> ready) override;
  void wait_writable(std::function<void()> ready) override;
  void move_to(Loop& loop) override;
  std::size_t held_bytes() const override;
  void close() override;
  const std::vector<PeerCertificate>& peer_chain() const override { return chain_; }
  std::string peer_name() const override { return "in-process"; }

 private:
  End& own() { return pair_->ends[index_]; }
  const End& peer() const { return pair_->ends[1 - index_]; }

  std::shared_ptr<Pair> pair_;
  std::size_t index_;
  std::vector<PeerCertificate> chain_;
  std::string taken_;  // swapped out of the queue, being read
  std::size_t taken_at_ = 0;
  bool wants_write_ = false;
};

IoResult InProcessStream::read(char* into, std::size_t capacity) {
  wants_write_ = false;
  if (taken_at_ == taken_.size()) {
    taken_.clear();
    taken_at_ = 0;
    const std::lock_guard lock(pair_->mutex);
    taken_.swap(pair_->queues[index_]);
    if (taken_.empty()) return {peer().loop == nullptr ? Status::kEnd : Status::kWouldBlock, 0, {}};
    notify_writable(pair_, 1 - index_);
  }
  const std::size_t count = std::min(capacity, taken_.size() - taken_at_);
  std::memcpy(into, taken_.data() + taken_at_, count);
  taken_at_ += count;
  return {Status::kDone, count, {}};
}

IoResult InProcessStream::write(std::string_view bytes) {
  const std::lock_guard lock(pair_->mutex);
  if (peer().loop == nullptr || own().loop == nullptr) {
    return {Status::kFailed,
            0,
            {dxl::ErrorCode::kNotConnected, "connection lost: the other side has closed", 0}};
  }
  std::string& queue = pair_->queues[1 - index_];
  const std::size_t count = std::min(bytes.size(), kQueueBytes - queue.size());
  wants_write_ = count == 0;
  if (count == 0) return {Status::kWouldBlock, 0, {}};
  queue.append(bytes.substr(0, count));
  notify_readable(pair_, 1 - index_);
  return {Status::kDone, count, {}};
}

void InProcessStream::wait_readable(std::function<void()> ready) {
  const std::lock_guard lock(pair_->mutex);
  if (own().loop == nullptr) return;
  own().on_readable = std::move(ready);
  own().waits_readable = true;
  const bool is_ready =
      has_buffered_input() || !pair_->queues[index_].empty() || peer().loop == nullptr;
  if (is_ready) notify_readable(pair_, index_);
}

void InProcessStream::wait_writable(std::function<void()> ready) {
  const std::lock_guard lock(pair_->mutex);
  if (own().loop == nullptr) return;
  own().on_writable = std::move(ready);
  own().waits_writable = true;
  const bool is_ready = pair_->queues[1 - index_].size() < kQueueBytes || peer().loop == nullptr;
  if (is_ready) notify_writable(pair_, index_);
}

void InProcessStream::move_to(Loop& loop) {
  const std::lock_guard lock(pair_->mutex);
  if (own().loop != nullptr) own().loop = &loop;
}

// What the other end has not read yet is its unread input, and counted there.
std::size_t InProcessStream::held_bytes() const {
  const std::lock_guard lock(pair_->mutex);
  return taken_.capacity() + pair_->queues[index_].capacity();
}

void InProcessStream::close() {
  own().on_readable = nullptr;
  own().on_writable = nullptr;
  const std::lock_guard lock(pair_->mutex);
  if (own().loop == nullptr) return;
  own().loop = nullptr;
  notify_readable(pair_, 1 - index_);
  notify_writable(pair_, 1 - index_);
}

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_in_process_pair(
    Loop& first, std::vector<PeerCertificate> chain_of_first, Loop& second,
    std::vector<PeerCertificate> chain_of_second) {
  auto pair = std::make_shared<Pair>(first, second);
  return {std::make_unique<InProcessStream>(pair, 0, std::move(chain_of_first)),
          std::make_unique<InProcessStream>(pair, 1, std::move(chain_of_second))};
}

}  // namespace tiara::net
