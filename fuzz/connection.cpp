// The lives of up to four connections of one broker, as a sequence: who sends what, who leaves
// when. Records of one byte (bits 0-1: the connection, bit 2: it leaves afterwards, bit 3: it reads
// nothing until further notice), two bytes of length, and so many bytes to send. Whatever comes,
// each client is sent whole packets only, and at the end nothing is left behind.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "broker/hub.hpp"
#include "mqtt/packet.hpp"
#include "net/endpoints.hpp"

namespace {

using namespace tiara;

constexpr std::size_t kClients = 4;
constexpr std::size_t kMaxPacket = 1024 * 1024;

void check(bool good) {
  if (!good) std::abort();
}

// A turn or two: what a packet causes, and what that causes.
void pump(net::Loop& loop, int turns = 3) {
  for (int i = 0; i < turns; ++i) {
    loop.stop();
    loop.run();
  }
}

// The client's end of a connection.
struct Peer {
  std::unique_ptr<net::Stream> stream;
  std::string received;
  bool reads = true;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const net::IoResult result = stream->write(bytes);
      if (result.status != net::IoResult::Status::kDone) return;
      bytes.remove_prefix(result.bytes);
    }
  }
  void receive() {
    std::array<char, 4096> buffer;
    while (true) {
      const net::IoResult result = stream->read(buffer.data(), buffer.size());
      if (result.status != net::IoResult::Status::kDone) return;
      received.append(buffer.data(), result.bytes);
    }
  }
  // A packet may be cut short only where the broker closed.
  void check_packets() const {
    std::string_view rest = received;
    while (!rest.empty()) {
      const auto frame = mqtt::next_frame(rest, kMaxPacket);
      check(frame.has_value());
      if (!*frame) return;
      rest.remove_prefix((*frame)->total_bytes);
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  net::Loop loop;
  broker::BrokerLimits limits;
  limits.message_bytes = 4'096;
  limits.subscriptions_per_client = 20;
  limits.outgoing_bytes = 64 * 1024;
  limits.request_backlog_bytes = 16 * 1024;
  limits.buffered_bytes = 256 * 1024;
  broker::Shared shared(limits, 1);
  fabric::RouterOptions router;
  router.broker_id = "11111111-1111-1111-1111-111111111111";
  router.send_connect_events = true;
  router.test_mode = true;
  broker::Hub hub(loop, 0, shared, router, std::chrono::seconds(60),
                  fabric::Authorization({.members = {}, .rules = {}, .service_side = true}));
  shared.replicas.set_hubs({&hub});
  hub.start();

  std::array<Peer, kClients> peers;
  const auto connect = [&](std::size_t index) {
    auto [client, broker] = net::make_in_process_pair(
        loop, {}, loop, {{"ca", "ca-256", "CN=ca"}, {std::to_string(index), "256", "CN=client"}});
    peers[index] = {std::move(client), {}, true};
    hub.accept(std::move(broker), false);
    pump(loop);
  };
  while (input.size() >= 3) {
    const auto head = static_cast<unsigned char>(input[0]);
    const std::size_t length = static_cast<unsigned char>(input[1]) * std::size_t{256} +
                               static_cast<unsigned char>(input[2]);
    input.remove_prefix(3);
    const std::string_view bytes = input.substr(0, length);
    input.remove_prefix(bytes.size());
    Peer& peer = peers[head & 3U];
    if (!peer.stream) connect(head & 3U);
    peer.reads = (head & 8U) == 0;
    peer.send(bytes);
    pump(loop);
    for (Peer& each : peers)
      if (each.stream && each.reads) each.receive();
    if ((head & 4U) == 0) continue;
    peer.receive();
    peer.check_packets();
    peer = {};
    pump(loop);
  }

  for (Peer& peer : peers) {
    if (!peer.stream) continue;
    peer.receive();
    peer.check_packets();
    peer = {};
  }
  pump(loop, 4);
  bool left = false;
  hub.shut_down([&left] { left = true; });
  pump(loop, 4);
  check(left);
  check(hub.status().connections == 0 && hub.status().services == 0);
  check(shared.streams == 0 && shared.admitted == 0 && shared.budget->used == 0);
  return 0;
}
