#include "net/loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "net/asio.hpp"
#include "net/connection.hpp"

namespace tiara::net {
namespace {

// Paced tasks get so much time, though at least one runs, and then nothing until the pause is over:
// a thread that sleeps in between is not held up by others of the machine when it wakes.
constexpr std::chrono::microseconds kPacedTime{250}, kPacedPause{750};
constexpr std::size_t kRecordInputBytes = 256 * 1024;
// Buffers handed round: enough for the receivers of one fan-out, 8 MiB at most.
constexpr std::size_t kSpareBuffers = 128;
constexpr std::size_t kSpareBufferBytes = 64 * 1024;

}  // namespace

struct Loop::Mailbox::State {
  // Throws like io_context itself when there are no descriptors left.
  State() : event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (event < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~State() { ::close(event); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Without the mutex. The loop may run at once, and with a higher priority than ours: it must not
  // find the mutex taken by us, or it would sleep for as long as we are kept waiting.
  void wake() const {
    const std::uint64_t one = 1;
    // Cannot fail but for a full counter, which wakes as well.
    [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof one);
  }

  std::mutex mutex;
  bool open = true;       // until the loop is gone
  bool sleeping = false;  // the loop waits in the kernel
  bool stop = false;
  std::vector<std::function<void()>> tasks;
  const int event;
};

Loop::Mailbox::Mailbox() : state_(std::make_unique<State>()) {}
Loop::Mailbox::~Mailbox() = default;

void Loop::Mailbox::post(std::function<void()> task) {
  bool wakes = false;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->open) return;
    state_->tasks.push_back(std::move(task));
    wakes = std::exchange(state_->sleeping, false);
  }
  if (wakes) state_->wake();
}

struct Loop::Timer::State final : Loop::Event {
  explicit State(boost::asio::io_context& context) : timer(context) {}
  void run() override {
    if (task) std::exchange(task, nullptr)();
  }
  boost::asio::steady_timer timer;
  std::function<void()> task;
};

Loop::Timer::Timer(std::weak_ptr<State> state) : state_(std::move(state)) {}

Loop::Timer::~Timer() {
  const auto state = state_.lock();
  if (!state) return;
  state->task = nullptr;
  state->timer.cancel();
}

struct Loop::Impl {
  Impl() : work(context.get_executor()), wake_ups(context, ::dup(mailbox->state_->event)) {
    wait_for_wake_up();
  }

  void wait_for_wake_up() {
    wake_ups.async_wait(wake_ups.wait_read, [this](const boost::system::error_code& error) {
      if (error) return;
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t taken = ::read(wake_ups.native_handle(), &count, sizeof count);
      wait_for_wake_up();
    });
  }

  // What the destructors of streams use comes before the context, whose waits may own streams.
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::vector<char> read_buffer;
  std::vector<char> record_input;
  std::string record_output;
  std::vector<std::string> spare_buffers;

  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  boost::asio::posix::stream_descriptor wake_ups;
  std::atomic<std::thread::id> thread{};

  // Each list has a twin that is being worked through, so that capacity is kept and new entries
  // wait for the next turn.
  std::vector<std::shared_ptr<Event>> ready, running;
  std::vector<std::function<void()>> tasks;
  std::deque<std::function<void()>> paced;
  boost::asio::steady_timer pause{context};
  bool pausing = false;
  std::chrono::steady_clock::time_point turn_began = std::chrono::steady_clock::now();
  std::vector<std::weak_ptr<Connection>> dirty, flushing;
  std::function<void()> every_turn;

  // Sleeps until there is work and takes it. True if this is the last turn.
  bool collect();
  void run_collected();
  void run_paced();
};

bool Loop::Impl::collect() {
  Mailbox::State& inbox = *mailbox->state_;
  bool last, block;
  {
    const std::lock_guard lock(inbox.mutex);
    last = inbox.stop;
    block = !last && inbox.tasks.empty() && ready.empty() && dirty.empty() &&
            (paced.empty() || pausing);
    inbox.sleeping = block;  // from here on a post also queues a wake-up
  }
  if (block) context.run_one();
  context.poll();
  turn_began = std::chrono::steady_clock::now();
  const std::lock_guard lock(inbox.mutex);
  inbox.sleeping = false;
  tasks.swap(inbox.tasks);
  return last;
}

void Loop::Impl::run_collected() {
  running.swap(ready);
  for (const auto& event : running) event->run();
  running.clear();
  for (auto& task : tasks) {
    task();
    task = nullptr;  // what it owns goes now, not after its neighbours
  }
  tasks.clear();
  if (!paced.empty() && !pausing) run_paced();
}

void Loop::Impl::run_paced() {
  const auto end = std::chrono::steady_clock::now() + kPacedTime;
  do {
    const auto task = std::move(paced.front());
    paced.pop_front();
    task();
  } while (!paced.empty() && std::chrono::steady_clock::now() < end);
  if (paced.empty()) return;
  pausing = true;
  pause.expires_after(kPacedPause);
  pause.async_wait([this](const boost::system::error_code&) { pausing = false; });
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {}

Loop::~Loop() {
  std::vector<std::function<void()>> unrun;
  {
    Mailbox::State& inbox = *impl_->mailbox->state_;
    const std::lock_guard lock(inbox.mutex);
    inbox.open = false;
    unrun.swap(inbox.tasks);
  }
  unrun.clear();  // while the context still exists: tasks own connections
  impl_->ready.clear();
  impl_->paced.clear();
}

void Loop::run() {
  impl_->thread = std::this_thread::get_id();
  bool last = false;
  while (!last) {
    last = impl_->collect();
    impl_->run_collected();
    if (impl_->every_turn) impl_->every_turn();
    impl_->flushing.swap(impl_->dirty);
    for (const auto& weak : impl_->flushing) {
      if (const auto connection = weak.lock()) connection->end_of_turn();
    }
    impl_->flushing.clear();
  }
  const std::lock_guard lock(impl_->mailbox->state_->mutex);
  impl_->mailbox->state_->stop = false;
}

void Loop::stop() {
  Mailbox::State& inbox = *impl_->mailbox->state_;
  {
    const std::lock_guard lock(inbox.mutex);
    inbox.stop = true;
    inbox.sleeping = false;
  }
  inbox.wake();
}

void Loop::post(std::function<void()> task) { impl_->mailbox->post(std::move(task)); }

void Loop::post_paced(std::function<void()> task) { impl_->paced.push_back(std::move(task)); }

std::chrono::steady_clock::time_point Loop::turn_began() const { return impl_->turn_began; }

bool Loop::on_loop_thread() const { return impl_->thread.load() == std::this_thread::get_id(); }

std::shared_ptr<Loop::Mailbox> Loop::mailbox() const { return impl_->mailbox; }

std::unique_ptr<Loop::Timer> Loop::schedule(std::chrono::steady_clock::duration delay,
                                            std::function<void()> task) {
  auto state = std::make_shared<Timer::State>(impl_->context);
  state->task = std::move(task);
  state->timer.expires_after(delay);
  state->timer.async_wait([this, state](const boost::system::error_code&) {
    if (state->task) on_ready(state);
  });
  return std::unique_ptr<Timer>(new Timer(state));
}

void Loop::at_end_of_turn(std::weak_ptr<Connection> connection) {
  impl_->dirty.push_back(std::move(connection));
}

void Loop::every_turn(std::function<void()> task) { impl_->every_turn = std::move(task); }

void Loop::on_ready(std::shared_ptr<Event> event) { impl_->ready.push_back(std::move(event)); }

std::vector<char>& Loop::read_buffer() { return impl_->read_buffer; }

std::vector<char>& Loop::record_input() {
  if (impl_->record_input.empty()) impl_->record_input.resize(kRecordInputBytes);
  return impl_->record_input;
}

std::string& Loop::record_output() { return impl_->record_output; }

std::string Loop::take_buffer() {
  if (impl_->spare_buffers.empty()) return {};
  std::string buffer = std::move(impl_->spare_buffers.back());
  impl_->spare_buffers.pop_back();
  return buffer;
}

void Loop::give_buffer(std::string buffer) {
  if (buffer.capacity() > kSpareBufferBytes || impl_->spare_buffers.size() >= kSpareBuffers) return;
  buffer.clear();
  impl_->spare_buffers.push_back(std::move(buffer));
}

boost::asio::io_context& Loop::context() { return impl_->context; }

}  // namespace tiara::net
