// A server and a client loop on threads of their own, a third that accepts, and connections on them
// that tests can send with and wait on.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "net/connection.hpp"
#include "net/endpoints.hpp"
#include "net/loop.hpp"

namespace tiara::net {

inline constexpr std::chrono::seconds kPatience{30};

class LoopThread {
 public:
  LoopThread() : thread_([this] { loop.run(); }) {}
  ~LoopThread() { stop(); }
  void stop() {
    loop.stop();
    if (thread_.joinable()) thread_.join();
  }
  // Runs `task` on the loop's thread and waits for it.
  void call(std::function<void()> task) {
    std::promise<void> done;
    loop.post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  Loop loop;

 private:
  std::thread thread_;
};

// One end of a connection. Everything but start() may be called from the test's thread.
class TestPeer final : public ConnectionHandler {
 public:
  explicit TestPeer(bool echo = false) : echo_(echo) {}

  // Loop's thread.
  void start(Loop& loop, std::unique_ptr<Stream> stream, const ConnectionLimits& limits);
  void send(std::string bytes);
  void close();

  bool wait_open() {
    return wait([this] { return open_ || closed_.has_value(); }) && open_;
  }
  bool wait_received(std::size_t bytes) {
    return wait([&] { return received_.size() >= bytes; });
  }
  // The reason; kCancelled "never closed" when it does not come.
  dxl::Error wait_closed();

  std::string received() const { return locked(received_); }
  std::size_t most_unsent() const { return locked(most_unsent_); }
  std::vector<PeerCertificate> chain() const { return locked(chain_); }

  void on_open(Connection& connection) override;
  std::size_t on_bytes(Connection& connection, std::string_view bytes) override;
  void on_closed(Connection& connection, const dxl::Error& reason) override;

 private:
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  const bool echo_;
  Loop* loop_ = nullptr;
  std::shared_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::string received_;
  std::size_t most_unsent_ = 0;
  std::vector<PeerCertificate> chain_;
  std::optional<dxl::Error> closed_;
};

// Limits of the side that does not stop reading.
ConnectionLimits client_limits();

class TwoLoops : public testing::Test {
 protected:
  // Connections go after the threads and before the loops.
  ~TwoLoops() override {
    client_loop.stop();
    door_loop.stop();
    server_loop.stop();
    listener.reset();
    servers.clear();
    client.reset();
  }

  // Serves every connection with a new peer in `servers`; those that do not get that far leave
  // their reason in `refusals`.
  std::uint16_t listen(std::shared_ptr<const TlsContext> tls, bool echo,
                       const ConnectionLimits& limits = {});
  std::uint16_t listen(ListenerOptions options, bool echo, const ConnectionLimits& limits = {});
  dxl::Result<void> connect(std::uint16_t port, std::shared_ptr<const TlsContext> tls);
  TestPeer* wait_server(std::size_t index = 0);
  // kCancelled "never refused" when it does not come.
  dxl::Error wait_refused(std::size_t index = 0);

  LoopThread server_loop, client_loop, door_loop;
  std::unique_ptr<Listener> listener;
  std::mutex servers_mutex;
  std::condition_variable servers_changed;
  std::vector<std::unique_ptr<TestPeer>> servers;
  std::vector<dxl::Error> refusals;
  std::unique_ptr<TestPeer> client = std::make_unique<TestPeer>();
};

}  // namespace tiara::net
