// A broker for tests that does what it is told: accept, refuse, stay silent, answer, drop. Raw MQTT
// over in-process streams, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dxl/message.hpp"
#include "dxl/message_codec.hpp"
#include "mqtt/packet.hpp"
#include "net/connection.hpp"
#include "net/endpoints.hpp"
#include "sdk/link.hpp"

namespace tiara::sdk {

// How long a test waits for something that must happen.
inline constexpr std::chrono::seconds kPatience{20};

class FakeBroker final : public net::ConnectionHandler {
 public:
  struct Behaviour {
    bool reachable = true;          // false: the connector fails
    bool close_on_connect = false;  // instead of a CONNACK
    std::optional<mqtt::ConnectCode> connack = mqtt::ConnectCode::kAccepted;  // nullopt: silence
    std::optional<char> suback = '\0';                                        // nullopt: silence
    std::string refused_filter{};  // SUBACK 0x80 for this one
    bool pong = true;
    std::string greeting{};  // bytes sent right after the CONNECT, before anything else
  };
  // An answer to a request on a topic; nullopt: none.
  using Answer = std::function<std::optional<dxl::Message>(const dxl::MessageView&)>;

  FakeBroker();
  ~FakeBroker() override;

  Connector connector();
  // Also over TLS on a port of the loopback interface; with HTTP upgrade and frames if told so.
  void listen(const net::TlsContext::Files& files, bool web_socket);
  std::uint16_t port() const { return listener_->port(); }
  void set(const Behaviour& behaviour);
  // The service registry's two topics are answered from the start.
  void answer(const std::string& topic, Answer answer);
  void answer(const std::string& topic, const std::string& payload);
  void refuse(const std::string& topic, std::uint32_t code, const std::string& text);

  // To every connection, whatever it subscribed.
  void deliver(const dxl::Message& message);
  void deliver_bytes(std::string bytes);
  void drop();  // closes every connection

  // What arrived, one line per packet: "CONNECT", "SUBSCRIBE /a", "PUBLISH /a payload", …
  std::vector<std::string> log() const;
  void clear_log();
  // Waits until that many such lines came; false after kPatience.
  bool wait_for(const std::string& line, std::size_t count = 1) const;
  // The last message published on `topic`.
  std::optional<dxl::Message> last(const std::string& topic) const;

 private:
  void on_open(net::Connection&) override {}
  std::size_t on_bytes(net::Connection& connection, std::string_view bytes) override;
  void on_closed(net::Connection& connection, const dxl::Error& reason) override;
  void on_packet(net::Connection& connection, const mqtt::Packet& packet);
  void on_publish(net::Connection& connection, const mqtt::Publish& publish);
  void record(std::string line);
  Behaviour behaviour() const;
  void each_connection(std::function<void(net::Connection&)> act);

  net::Loop loop_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Behaviour behaviour_;
  std::map<std::string, Answer> answers_;
  std::vector<std::string> log_;
  std::map<std::string, dxl::Message> last_;
  std::vector<std::shared_ptr<net::Connection>> connections_;  // the loop's thread only
  std::unique_ptr<net::Listener> listener_;
  std::thread thread_;
};

// Waits on a condition that other threads bring about.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);  // also while notifying: the waiter may destroy the gate
    ++count_;
    changed_.notify_all();
  }
  bool wait(int count = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

}  // namespace tiara::sdk
