#include "sdk/tie_batch.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ports.hpp"
#include "sdk/tie_ask.hpp"
#include "tie/service_error.hpp"

namespace tiara::sdk {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{500};
constexpr std::chrono::seconds kStuckGrace{10};
// A service that has no batches may be replaced by one that has.
constexpr std::chrono::seconds kAskAgainAfter{60};

struct Chunk {
  BatchJob::Items items;
  bool batch = true;
  bool repeated = false;                        // after 0x80000001
  std::optional<Clock::time_point> deadline{};  // set when it is sent first
  Clock::time_point not_before{};
  milliseconds pause = kFirstPause;
};

struct Answer {
  std::uint64_t number;  // of the chunk
  Payload payload;
};

// Answers on their way from the network thread. Outlives a run that was given up.
class Answers {
 public:
  void put(Answer answer) {
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(answer));
    }
    came_.notify_one();
  }
  // Those that are there, or come until `until`.
  std::vector<Answer> take(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    came_.wait_until(lock, until, [this] { return !ready_.empty(); });
    return std::exchange(ready_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Answer> ready_;
};

class Run {
 public:
  Run(dxl::Client& client, BatchJob& job, milliseconds timeout, NoBatchUntil& no_batch_until)
      : client_(client), job_(job), timeout_(timeout), no_batch_until_(no_batch_until) {}

  void run(const BatchJob::Items& items) {
    const bool batch = Clock::now().time_since_epoch().count() >= no_batch_until_.load();
    const std::size_t size = batch ? kChunkItems : 1;
    for (std::size_t at = 0; at < items.size(); at += size)
      waiting_.push_back({.items = part(items, at, size), .batch = batch});
    while (!waiting_.empty() || !sent_.empty()) {
      send_what_may_go();
      for (const Answer& answer : answers_->take(next_time())) {
        const auto asked = sent_.find(answer.number);
        if (asked == sent_.end()) continue;
        Chunk chunk = std::move(asked->second);
        sent_.erase(asked);
        handle(std::move(chunk), answer.payload);
      }
      fail_what_is_stuck();
    }
  }

 private:
  static BatchJob::Items part(const BatchJob::Items& items, std::size_t at, std::size_t size) {
    const auto first = items.begin() + static_cast<std::ptrdiff_t>(at);
    return {first, first + static_cast<std::ptrdiff_t>(std::min(size, items.size() - at))};
  }

  void send_what_may_go() {
    const auto now = Clock::now();
    // Those that wait for a pause to end do not hold up the others.
    for (std::size_t left = waiting_.size(); left != 0; --left) {
      const bool batch = waiting_.front().batch;
      // The first batch shows whether there are any: the others wait for its answer.
      const std::size_t most =
          !batch ? kSinglesOnTheirWay : (batches_work_ ? kChunksOnTheirWay : 1);
      if (sent_.size() >= most) return;
      Chunk chunk = std::move(waiting_.front());
      waiting_.pop_front();
      if (chunk.not_before > now) {
        waiting_.push_back(std::move(chunk));
      } else if (gave_up_) {
        fail(chunk, *gave_up_);
      } else {
        send(std::move(chunk));
      }
    }
  }

  void send(Chunk chunk) {
    std::string payload;
    if (chunk.batch) {
      job_.encode_batch(chunk.items, payload);
    } else {
      job_.encode_single(chunk.items.front(), payload);
    }
    if (!chunk.deadline) chunk.deadline = Clock::now() + timeout_;
    const auto left = std::chrono::duration_cast<milliseconds>(*chunk.deadline - Clock::now());
    const bool trial = chunk.batch && !batches_work_ && job_.is_read();
    const std::string_view topic = chunk.batch ? job_.batch_topic() : job_.single_topic();
    const std::uint64_t number = next_number_++;
    sent_.emplace(number, std::move(chunk));
    start_to_ask(client_, topic, std::move(payload), trial ? timeout_ / 2 : left,
                 [answers = answers_, number](Payload answer) {
                   answers->put({number, std::move(answer)});
                 });
  }

  // The network thread keeps the deadlines; this is for one that is stuck.
  void fail_what_is_stuck() {
    const auto now = Clock::now();
    for (auto at = sent_.begin(); at != sent_.end();) {
      if (now < *at->second.deadline + kStuckGrace) {
        ++at;
        continue;
      }
      fail(at->second, {ErrorCode::kTimedOut, "the network thread did not answer in time"});
      at = sent_.erase(at);
    }
  }

  void handle(Chunk chunk, const Payload& payload) {
    if (!payload) return handle_error(std::move(chunk), payload.error());
    last_answer_ = Clock::now();
    if (!chunk.batch) {
      if (const auto taken = job_.take_single(chunk.items.front(), *payload); !taken)
        fail(chunk, taken.error());
      return;
    }
    batches_work_ = true;
    auto busy = job_.take_batch(chunk.items, *payload);
    if (!busy) return fail(chunk, busy.error());
    if (busy->empty()) return;
    // Whoever gets answers gets on: only a chunk without progress waits longer each time.
    if (busy->size() < chunk.items.size()) chunk.pause = kFirstPause;
    chunk.items = std::move(*busy);
    later(std::move(chunk), {ErrorCode::kUnavailable,
                             std::string(job_.batch_topic()) + ": the service was too busy"});
  }

  void handle_error(Chunk chunk, const dxl::Error& why) {
    if (is_unrouted(why) && !chunk.repeated && (chunk.batch || job_.is_read())) {
      chunk.repeated = true;
      waiting_.push_front(std::move(chunk));
    } else if (is_busy(why)) {
      later(std::move(chunk), why);
    } else if (chunk.batch && !batches_work_ && means_no_batches(why)) {
      no_batch_until_ = (Clock::now() + kAskAgainAfter).time_since_epoch().count();
      waiting_.push_back(std::move(chunk));
      ask_one_by_one();
    } else if (chunk.batch && why.peer_code == dxl::kMessageTooLarge && chunk.items.size() > 1) {
      halve(std::move(chunk));
    } else {
      // One answer may be lost; silence for as long as a question waits is the end.
      if (why.code == ErrorCode::kTimedOut && Clock::now() - last_answer_ >= timeout_)
        gave_up_ = why;
      fail(chunk, why);
    }
  }

  // 0x80000001, "not supported", a right that nobody thought of, or silence (extensions.md); but
  // what changes something may have done so in silence.
  bool means_no_batches(const dxl::Error& why) const {
    return is_unrouted(why) || why.peer_code == dxl::kNotAuthorisedToSend ||
           (why.code == ErrorCode::kPeer &&
            why.peer_code == static_cast<std::uint32_t>(tie::ServiceError::kNotSupported)) ||
           (why.code == ErrorCode::kTimedOut && job_.is_read());
  }

  void ask_one_by_one() {
    std::deque<Chunk> singles;
    for (const Chunk& chunk : waiting_)
      for (const std::size_t item : chunk.items)
        singles.push_back({.items = {item}, .batch = false});
    waiting_ = std::move(singles);
  }

  void halve(Chunk chunk) {
    const std::size_t half = chunk.items.size() / 2;
    for (const auto& [at, size] :
         {std::pair{std::size_t{0}, half}, std::pair{half, chunk.items.size() - half}}) {
      Chunk one = chunk;
      one.items = part(chunk.items, at, size);
      waiting_.push_front(std::move(one));
    }
  }

  // Again after a pause, if there is time.
  void later(Chunk chunk, const dxl::Error& why) {
    const auto pause =
        chunk.pause / 2 + milliseconds(random_.next() % (chunk.pause.count() / 2 + 1));
    chunk.not_before = Clock::now() + pause;
    chunk.pause = std::min(chunk.pause * 2, kLongestPause);
    if (chunk.not_before >= *chunk.deadline) return fail(chunk, why);
    waiting_.push_back(std::move(chunk));
  }

  void fail(const Chunk& chunk, const dxl::Error& why) {
    for (const std::size_t item : chunk.items) job_.fail(item, why);
  }

  // When something happens by itself: a pause ends, or what is stuck is looked at again.
  Clock::time_point next_time() const {
    Clock::time_point next = Clock::now() + kLongestPause;
    // Chunks that wait for room, not for time, go when an answer comes.
    for (const Chunk& chunk : waiting_)
      if (sent_.empty() || chunk.not_before > Clock::now()) next = std::min(next, chunk.not_before);
    return next;
  }

  dxl::Client& client_;
  BatchJob& job_;
  const milliseconds timeout_;
  NoBatchUntil& no_batch_until_;
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  std::deque<Chunk> waiting_;
  std::map<std::uint64_t, Chunk> sent_;
  std::uint64_t next_number_ = 0;
  Clock::time_point last_answer_ = Clock::now();
  bool batches_work_ = false;
  std::optional<dxl::Error> gave_up_;
  base::SystemRandom random_;
};

}  // namespace

void run_batch(dxl::Client& client, BatchJob& job, BatchJob::Items items, milliseconds timeout,
               NoBatchUntil& no_batch_until) {
  Run(client, job, timeout, no_batch_until).run(items);
}

}  // namespace tiara::sdk
