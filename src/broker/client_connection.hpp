// One client of the broker: MQTT packets in, the fabric's decisions carried out. Everything on the
// loop's thread.
#pragma once

#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "broker/limits.hpp"
#include "broker/oversize.hpp"
#include "broker/publish_rate.hpp"
#include "broker/replicas.hpp"
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
  bool closing() const { return connection_->closing(); }

  // One message to the client. One that the client has no room for is lost: by
  // limits().slow_consumer it is closed then, or only misses the message. Our own service is never
  // closed for what others send it. False if the message did not go out.
  bool deliver(std::string_view topic, std::string_view payload);
  // Whole packets to the client, in answer to its own.
  void reply(std::string_view packets);

  // The hub's limits are others now.
  void on_new_limits();
  // Who a log line is about: the certificate's SHA-1, empty without one; and the same, else the
  // address.
  std::string_view thumbprint() const;
  std::string_view name() const;  // the certificate's subject
  std::string_view subject() const;

  // What the network has not taken yet, and all that is held in memory for the peer.
  std::size_t unsent_bytes() const { return connection_->unsent_bytes(); }
  std::size_t held_bytes() const { return connection_->held_bytes(); }
  // For the other threads' hubs. report_load() tells them; false once there is little to tell.
  const std::shared_ptr<Load>& load() const { return load_; }
  bool report_load();

  // Between the two, no packet of the client is handled: what it asked for is not done yet.
  void begin_change() { changing_ = true; }
  void end_change(std::string_view answer);

  // Why a client is not read, besides its own backlog.
  enum PauseReason : std::uint8_t { kChange = 1, kRoom = 2, kRate = 4, kTurn = 8 };
  void resume(PauseReason reason);

  // Counts a refused publish. True the first time for this reason: worth a line of the log.
  bool note_refusal(fabric::Refusal refusal);

  // About once a second: closes what is silent for too long.
  void tick(base::SteadyTime now);
  void close(dxl::ErrorCode code, std::string reason);
  // Its certificate has been revoked: it is closed, and its will with it.
  void revoke();
  // Without a last word: what waits for the client is given back at once.
  void abort(std::string reason);

  void on_open(net::Connection& connection) override;
  std::size_t on_bytes(net::Connection& connection, std::string_view bytes) override;
  void on_closed(net::Connection& connection, const dxl::Error& reason) override;

 private:
  enum class Phase : std::uint8_t { kNew, kAdmitted };
  struct OwnedWill {
    std::string topic, payload;
  };

  std::size_t take_packet(std::string_view bytes);
  bool begin_oversize(const mqtt::FrameHeader& header);
  std::size_t take_oversize(std::string_view bytes);
  void pause(PauseReason reason);
  bool within_rate();
  bool within_subscription_limits();
  void on_frame(const mqtt::Frame& frame);
  void on_connect(const mqtt::Connect& connect);
  void on_publish(const mqtt::Publish& publish);
  void on_subscribe(const mqtt::Subscribe& subscribe);
  void on_unsubscribe(const mqtt::Unsubscribe& unsubscribe);
  void on_ack(const mqtt::Ack& ack);
  void on_disconnect();
  void yield_turn();
  bool check_topic(std::string_view topic);
  bool may_publish_to(std::string_view topic);
  bool lose(std::string_view topic);
  void count_bytes();
  void exceed(Limit limit, std::string reason);
  void refuse_connect(mqtt::ConnectCode code, std::string reason);
  bool note_exactly_once(std::uint16_t packet_id);

  Hub& hub_;
  const fabric::ConnectionId id_;
  const bool in_process_service_;
  Phase phase_ = Phase::kNew;
  mqtt::Version version_ = mqtt::Version::k311;
  std::uint16_t refusals_logged_ = 0;  // a bit per fabric::Refusal
  std::uint8_t pauses_ = 0;            // a bit per PauseReason
  bool changing_ = false;
  bool heard_ = false;   // since the last tick
  bool slowed_ = false;  // by the publish rate: that has been logged
  std::uint64_t refusals_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t sent_ = 0;              // bytes_out() at the last tick
  std::uint64_t heard_bytes_ = 0;       // bytes_in() at the last tick
  std::chrono::milliseconds patience_;  // with a silent peer
  base::SteadyTime last_heard_;
  std::optional<OwnedWill> will_;
  std::unique_ptr<OversizePublish> oversize_;       // while one is skipped
  std::unique_ptr<std::bitset<65536>> unreleased_;  // QoS 2 publishes between PUBREC and PUBREL
  std::unique_ptr<PublishRate> rate_;               // if there is a limit
  std::unique_ptr<net::Loop::Timer> rate_timer_;
  std::shared_ptr<Load> load_;  // null if there is one hub only
  std::string label_;
  net::Loop* loop_ = nullptr;
  std::shared_ptr<net::Connection> connection_;
};

}  // namespace tiara::broker
