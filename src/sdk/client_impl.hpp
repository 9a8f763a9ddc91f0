// What stands behind dxl::Client: the link, the callback pool, and what is registered. Members say
// which thread they belong to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dxl/client.hpp"
#include "sdk/callback_pool.hpp"
#include "sdk/event_callbacks.hpp"
#include "sdk/link.hpp"
#include "sdk/outbox.hpp"
#include "sdk/recent_ids.hpp"
#include "sdk/service_host.hpp"

namespace tiara::sdk {

// One result on its way from the network thread to a thread that blocks for it.
template <class T>
class Waiter {
 public:
  void set(dxl::Result<T> result) {
    {
      const std::lock_guard lock(mutex_);
      result_ = std::move(result);
    }
    set_.notify_one();
  }
  // `deadline` is for a network thread that is stuck; it keeps the real ones.
  dxl::Result<T> get(base::SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    if (set_.wait_until(lock, deadline, [this] { return result_.has_value(); })) {
      return std::move(*result_);
    }
    return dxl::fail(dxl::ErrorCode::kTimedOut, "the network thread did not answer in time");
  }

 private:
  std::mutex mutex_;
  std::condition_variable set_;
  std::optional<dxl::Result<T>> result_;
};

using RequestEntry = Revocable<dxl::Request>;
using ServiceCallbacks = std::map<std::string, std::shared_ptr<RequestEntry>>;

struct Service {
  std::unique_ptr<ServiceHost> host;
  std::shared_ptr<const ServiceCallbacks> callbacks;
  bool withdrawn = false;  // its handle is gone; the broker has not answered yet
  bool stopped = false;    // by disconnect(); started again by the next connection
};

}  // namespace tiara::sdk

namespace dxl {

struct Client::Impl final : tiara::sdk::LinkEvents {
  static std::unique_ptr<Client> make(ClientId id, const ClientOptions& options,
                                      tiara::sdk::TcpRoute route);
  Impl(ClientId id, const ClientOptions& options, tiara::sdk::TcpRoute route);

  // --- Any thread ---
  const ClientId id;
  const ClientOptions options;
  tiara::sdk::CallbackPool pool;
  tiara::sdk::EventCallbacks event_callbacks;
  tiara::sdk::Outbox outbox;
  std::atomic<std::size_t> unsent{0};  // what the link had left to send after the last drain
  std::atomic<std::uint64_t> dropped_events{0};
  std::atomic<std::uint64_t> overloaded_requests{0};
  std::atomic<bool> closing{false};

  std::mutex lifecycle;  // one connect() or disconnect() at a time
  std::mutex state_mutex;
  std::condition_variable state_changed;
  bool begun = false;    // the network thread knows of the present connect()
  bool gave_up = false;  // and has tried in vain

  // Handles reach the client through this, and find it gone once it is.
  struct Anchor {
    std::mutex mutex;
    Impl* impl;
  };
  std::shared_ptr<Anchor> anchor;

  Result<void> connect();
  Result<void> disconnect();
  // Disconnects, ends every request, joins the pool. Once, before destruction.
  void shut_down();
  void hand_over(tiara::sdk::Outgoing item, std::size_t bytes = 0);
  // Why nothing can be sent to `topic` now, if so.
  Result<void> check_send(std::string_view topic, std::size_t payload_bytes);
  // Hands the request over. `done`: network thread, or here when nothing can be sent.
  std::shared_ptr<tiara::sdk::RequestState> begin_request(Request request,
                                                          std::chrono::milliseconds timeout,
                                                          ReplyCallback done);
  // Ends that request with kCancelled, unless it has ended.
  static void cancel_request(const std::shared_ptr<Anchor>& anchor,
                             const std::weak_ptr<tiara::sdk::RequestState>& state);
  // From now on a stop of `stop` cancels it.
  void cancel_on(std::stop_token stop, const std::shared_ptr<tiara::sdk::RequestState>& state);
  Error closed_error() const;
  void remove_event_callback(const std::string& filter,
                             const std::shared_ptr<tiara::sdk::EventEntry>& entry);
  // Blocks for `task(set)` on the network thread, behind everything handed over so far.
  template <class Task>
  Result<void> on_network(std::chrono::milliseconds timeout, Task task);

  // --- Network thread ---
  std::map<std::string, tiara::sdk::Service, std::less<>> services;
  tiara::sdk::RecentIds recent_events;
  std::uint64_t events_sent = 0;
  std::uint64_t events_confirmed = 0;  // by a round trip behind them
  bool events_lost = false;            // since the last flush, perhaps

  std::vector<std::string_view> scratch;
  std::unique_ptr<tiara::net::Loop::Timer> backlog_timer;

  void drain();
  void measure_backlog();
  void send(const Message& message);
  void send_request(tiara::sdk::OutgoingRequest& outgoing);
  void flush(std::chrono::milliseconds timeout, std::function<void(Result<void>)> done);
  void withdraw(const std::string& service_id);
  void stop_services(std::function<void()> done);
  void on_event(std::string_view topic, const MessageView& message);
  void on_request(std::string_view topic, const MessageView& message);
  void on_connected() override;
  void on_disconnected(const Error& why) override;
  void on_message(std::string_view topic, const MessageView& message) override;
  void on_gave_up(const Error& why) override;

  // Its thread ends before anything above goes.
  tiara::sdk::Link link;
};

// How long blocking calls wait beyond the deadline that the network thread keeps for them.
inline constexpr std::chrono::seconds kStuckGrace{10};

template <class Task>
Result<void> Client::Impl::on_network(std::chrono::milliseconds timeout, Task task) {
  auto waiter = std::make_shared<tiara::sdk::Waiter<void>>();
  const auto set = [waiter](Result<void> result) { waiter->set(std::move(result)); };
  hand_over(std::function<void()>([task = std::move(task), set] { task(set); }));
  return waiter->get(std::chrono::steady_clock::now() + timeout + kStuckGrace);
}

}  // namespace dxl
