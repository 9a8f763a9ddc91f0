// One client of the broker: MQTT packets in, the fabric's decisions carried out. Everything on the
// loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "fabric/identity.hpp"
#include "fabric/router.hpp"
#include "mqtt/packet.hpp"
#include "net/connection.hpp"

namespace tiara::broker {

class Hub;

class ClientConnection final : public net::ConnectionHandler {
 public:
  ClientConnection(Hub& hub, fabric::ConnectionId id, bool in_process_service,
                   base::SteadyTime now);

  void start(net::Loop& loop, std::unique_ptr<net::Stream> stream);

  fabric::ConnectionId id() const { return id_; }
  bool in_process_service() const { return in_process_service_; }
  const std::vector<net::PeerCertificate>& peer_chain() const { return connection_->peer_chain(); }
  // "127.0.0.1:50312 (CN=sandbox)" for the log.
  const std::string& label() const { return label_; }
  bool admitted() const { return phase_ == Phase::kAdmitted; }

  // One message to the client; a client that does not read is closed rather than remembered for,
  // but our own service only misses the message.
  // False if it did not go out.
  bool deliver(std::string_view topic, std::string_view payload);

  // What the network has not taken yet.
  std::size_t unsent_bytes() const;

  // Counts a refused publish. True the first time for this reason: worth a line of the log.
  bool note_refusal(fabric::Refusal refusal);

  // About once a second: closes what is silent for too long.
  void tick(base::SteadyTime now);
  void close(dxl::ErrorCode code, std::string reason);

  void on_open(net::Connection& connection) override;
  std::size_t on_bytes(net::Connection& connection, std::string_view bytes) override;
  void on_closed(net::Connection& connection, const dxl::Error& reason) override;

 private:
  enum class Phase : std::uint8_t { kNew, kAdmitted };
  struct OwnedWill {
    std::string topic, payload;
  };

  void on_frame(const mqtt::Frame& frame);
  void on_connect(const mqtt::Connect& connect);
  void on_publish(const mqtt::Publish& publish);
  void on_subscribe(const mqtt::Subscribe& subscribe);
  void on_unsubscribe(const mqtt::Unsubscribe& unsubscribe);
  void on_ack(const mqtt::Ack& ack);
  void on_disconnect();
  bool drop(std::string_view topic);
  void refuse_connect(mqtt::ConnectCode code, std::string reason);

  Hub& hub_;
  const fabric::ConnectionId id_;
  const bool in_process_service_;
  Phase phase_ = Phase::kNew;
  mqtt::Version version_ = mqtt::Version::k311;
  std::uint8_t refusals_logged_ = 0;  // a bit per fabric::Refusal
  bool heard_ = false;                // since the last tick
  std::uint64_t refusals_ = 0;
  std::uint64_t dropped_ = 0;           // to our own service only
  std::chrono::milliseconds patience_;  // with a silent peer
  base::SteadyTime last_heard_;
  std::optional<OwnedWill> will_;
  std::string label_;
  std::shared_ptr<net::Connection> connection_;
};

}  // namespace tiara::broker
