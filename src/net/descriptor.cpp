#include "net/descriptor.hpp"

#include <unistd.h>

#include <utility>

#include "net/asio.hpp"

namespace tiara::net {

using WaitType = boost::asio::posix::stream_descriptor::wait_type;

struct Descriptor::State final : std::enable_shared_from_this<State> {
  // One direction. Kept armed in the kernel at most once, whatever the owner does meanwhile.
  struct Side final : Loop::Event {
    explicit Side(WaitType type) : wait_type(type) {}
    void run() override {
      if (callback) std::exchange(callback, nullptr)();
    }
    WaitType wait_type;
    bool armed = false;
    std::function<void()> callback;
  };

  explicit State(Loop& owner) : loop(owner), descriptor(owner.context()) {}

  void wait(Side& side, std::function<void()> ready) {
    if (lost) return loop.post(std::move(ready));
    if (!descriptor.is_open()) return;
    side.callback = std::move(ready);
    if (std::exchange(side.armed, true)) return;
    descriptor.async_wait(side.wait_type,
                          [self = shared_from_this(), &side](const boost::system::error_code&) {
                            side.armed = false;
                            if (!side.callback) return;
                            self->loop.on_ready(std::shared_ptr<Loop::Event>(self, &side));
                          });
  }

  Loop& loop;
  boost::asio::posix::stream_descriptor descriptor;
  Side readable{WaitType::wait_read};
  Side writable{WaitType::wait_write};
  bool lost = false;  // could not be watched by the loop it moved to
};

dxl::Result<std::unique_ptr<Descriptor>> Descriptor::adopt(Loop& loop, int fd) {
  auto state = std::make_shared<State>(loop);
  boost::system::error_code error;
  state->descriptor.assign(fd, error);
  if (error) {
    ::close(fd);
    return dxl::fail(dxl::ErrorCode::kUnavailable, "cannot watch a socket: " + error.message());
  }
  return std::unique_ptr<Descriptor>(new Descriptor(std::move(state)));
}

Descriptor::Descriptor(std::shared_ptr<State> state) : state_(std::move(state)) {}
Descriptor::~Descriptor() { close(); }

int Descriptor::fd() const {
  if (state_ == nullptr) return detached_;
  return state_->descriptor.is_open() ? state_->descriptor.native_handle() : -1;
}

Loop& Descriptor::loop() const { return state_->loop; }

void Descriptor::leave_loop() {
  if (state_ == nullptr) return;
  if (state_->descriptor.is_open()) detached_ = state_->descriptor.release();
  state_.reset();
}

void Descriptor::move_to(Loop& loop) {
  leave_loop();
  state_ = std::make_shared<State>(loop);
  const int fd = std::exchange(detached_, -1);
  if (fd < 0) return;
  boost::system::error_code error;
  state_->descriptor.assign(fd, error);
  if (!error) return;
  ::close(fd);
  state_->lost = true;
}

void Descriptor::wait_readable(std::function<void()> ready) {
  state_->wait(state_->readable, std::move(ready));
}

void Descriptor::wait_writable(std::function<void()> ready) {
  state_->wait(state_->writable, std::move(ready));
}

void Descriptor::close() {
  if (state_ == nullptr) {
    if (detached_ >= 0) ::close(std::exchange(detached_, -1));
    return;
  }
  state_->readable.callback = nullptr;
  state_->writable.callback = nullptr;
  boost::system::error_code ignored;  // the descriptor is gone either way
  state_->descriptor.close(ignored);
}

}  // namespace tiara::net
