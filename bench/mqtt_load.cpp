// How many requests per second does a broker carry from C requesters with W outstanding each to a
// responder and back? Works against any MQTT broker, plain or TLS, with DXL messages made before
// the clock runs; `--service` registers the responders as DXL services first, so that a DXL broker
// looks the destination up. bench/run compares brokers with it.
#include <sys/epoll.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "../tests/system/load/packets.hpp"
#include "load_connection.hpp"

namespace {

using bench::Connection;
using load::kConnack, load::kPublish, load::kSuback;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::size_t requesters = 1, outstanding = 1, responders = 1, size = 300;
  double seconds = 5, warm_up = 1;
  bool service = false;
  bench::TlsFiles tls;
};

std::string request_topic(std::size_t responder) {
  return "/bench/request/" + std::to_string(responder);
}

// A DXL request of `size` bytes in all.
std::string sized_request(std::string_view id, std::string_view reply_to, std::size_t size) {
  constexpr std::size_t kLeast = 32;  // a shorter payload has a shorter length field
  const std::size_t around = load::request_message(id, reply_to, std::string(kLeast, 'x')).size();
  if (size < around) bench::die("--size must be at least " + std::to_string(around));
  return load::request_message(id, reply_to, std::string(kLeast + size - around, 'x'));
}

struct Peer {
  std::unique_ptr<Connection> connection;
  std::string reply_to;
  std::string request;  // the whole PUBLISH; empty for a responder
};

Peer open_peer(const Options& options, ssl_ctx_st* tls, const std::string& client_id) {
  Peer peer{.connection = std::make_unique<Connection>(options.host, options.port, tls),
            .reply_to = "/mcafee/client/" + client_id,
            .request = {}};
  peer.connection->output() = load::connect_packet(client_id);
  if (peer.connection->exchange(kConnack)[1] != 0) bench::die("the broker refused the connection");
  peer.connection->output() = load::subscribe_packet(peer.reply_to);
  peer.connection->exchange(kSuback);
  return peer;
}

Peer open_responder(const Options& options, ssl_ctx_st* tls, std::size_t number) {
  Peer peer = open_peer(options, tls, load::make_id(1, number));
  const std::string topic = request_topic(number);
  peer.connection->output() = load::subscribe_packet(topic);
  peer.connection->exchange(kSuback);
  if (options.service) {
    peer.connection->output() = load::publish_packet(
        "/mcafee/service/dxl/svcregistry/register",
        load::request_message(load::make_id(2, number), peer.reply_to,
                              load::registration(load::make_id(3, number), topic)));
    peer.connection->exchange(kPublish);
  }
  peer.connection->set_non_blocking();
  return peer;
}

Peer open_requester(const Options& options, ssl_ctx_st* tls, std::size_t number) {
  Peer peer = open_peer(options, tls, load::make_id(4, number));
  peer.request =
      load::publish_packet(request_topic(number % options.responders),
                           sized_request(load::make_id(5, number), peer.reply_to, options.size));
  peer.connection->set_non_blocking();
  return peer;
}

// Answers or repeats what arrived on one connection; returns the number of finished requests.
std::size_t serve(Peer& peer, std::string_view answer) {
  Connection& connection = *peer.connection;
  connection.read_available();
  std::size_t finished = 0;
  bench::Packet packet;
  while (connection.next(packet)) {
    if (packet.type != kPublish) continue;
    const auto message = load::read_message(packet.body);
    if (!message) bench::die("got something that is no DXL message");
    if (peer.request.empty()) {
      load::append_response(*message, answer, connection.output());
    } else {
      if (message->type != load::kResponse) bench::die("got an error response");
      connection.output() += peer.request;
      ++finished;
    }
  }
  connection.consumed();
  return finished;
}

void watch(int epoll, Peer& peer, bool writable, int operation) {
  epoll_event event{};
  event.events = EPOLLIN | (writable ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.ptr = &peer;
  epoll_ctl(epoll, operation, peer.connection->descriptor(), &event);
}

double run(const Options& options, std::vector<Peer>& peers) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (Peer& peer : peers) {
    watch(epoll, peer, true, EPOLL_CTL_ADD);
    for (std::size_t i = 0; i < options.outstanding; ++i) {
      peer.connection->output() += peer.request;
    }
  }
  const std::string answer(200, 'y');
  const auto begin = Clock::now() + std::chrono::duration<double>(options.warm_up);
  const auto end = begin + std::chrono::duration<double>(options.seconds);
  std::size_t finished = 0;
  std::vector<epoll_event> events(256);
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 1000);
    if (count == 0) bench::die("nothing arrived for a second: a message was lost");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      Peer& peer = *static_cast<Peer*>(event.data.ptr);
      const std::size_t done = (event.events & EPOLLIN) != 0 ? serve(peer, answer) : 0;
      if (now >= begin) finished += done;
      const bool flushed = peer.connection->flush();
      const bool waited = (event.events & EPOLLOUT) != 0;
      if (waited == flushed) watch(epoll, peer, !flushed, EPOLL_CTL_MOD);
    }
  }
  return static_cast<double>(finished) / options.seconds;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Request/response load on an MQTT broker; prints requests per second");
  app.add_option("--host", options.host, "IPv4 address");
  app.add_option("--port", options.port)->required();
  app.add_option("--requesters", options.requesters, "C");
  app.add_option("--outstanding", options.outstanding, "W, for each requester");
  app.add_option("--responders", options.responders, "each with a topic of its own");
  app.add_option("--size", options.size, "bytes of a DXL request");
  app.add_option("--seconds", options.seconds, "measured time");
  app.add_option("--warm-up", options.warm_up, "seconds before it");
  app.add_flag("--service", options.service, "register the responders as DXL services");
  CLI::Option* ca = app.add_option("--ca", options.tls.ca, "PEM; with it TLS is used");
  app.add_option("--cert", options.tls.certificate)->needs(ca);
  app.add_option("--key", options.tls.key)->needs(ca);
  CLI11_PARSE(app, argc, argv);

  ssl_ctx_st* tls = options.tls.used() ? bench::make_tls(options.tls) : nullptr;
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < options.responders; ++i) {
    peers.push_back(open_responder(options, tls, i));
  }
  for (std::size_t i = 0; i < options.requesters; ++i) {
    peers.push_back(open_requester(options, tls, i));
  }
  std::printf("%.0f\n", run(options, peers));
  return 0;
}
