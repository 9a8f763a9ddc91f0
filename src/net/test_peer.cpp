#include "net/test_peer.hpp"

#include <algorithm>

namespace tiara::net {

void TestPeer::start(Loop& loop, std::unique_ptr<Stream> stream, const ConnectionLimits& limits) {
  auto connection = Connection::start(loop, std::move(stream), *this, limits);
  const std::lock_guard lock(mutex_);
  loop_ = &loop;
  connection_ = std::move(connection);
}

void TestPeer::send(std::string bytes) {
  loop_->post([this, bytes = std::move(bytes)] {
    connection_->output() += bytes;
    connection_->flush_later();
  });
}

void TestPeer::close() {
  loop_->post([this] {
    connection_->close({dxl::ErrorCode::kCancelled, "closed by the test", 0});
  });
}

dxl::Error TestPeer::wait_closed() {
  if (!wait([this] { return closed_.has_value(); })) {
    return {dxl::ErrorCode::kCancelled, "never closed", 0};
  }
  return *locked(closed_);
}

void TestPeer::on_open(Connection& connection) {
  const std::lock_guard lock(mutex_);
  open_ = true;
  chain_ = connection.peer_chain();
  changed_.notify_all();
}

std::size_t TestPeer::on_bytes(Connection& connection, std::string_view bytes) {
  if (echo_) {
    connection.output() += bytes;
    connection.flush_later();
  }
  const std::lock_guard lock(mutex_);
  if (!echo_) received_ += bytes;
  most_unsent_ = std::max(most_unsent_, connection.unsent_bytes());
  changed_.notify_all();
  return bytes.size();
}

void TestPeer::on_closed(Connection&, const dxl::Error& reason) {
  const std::lock_guard lock(mutex_);
  EXPECT_FALSE(closed_) << "on_closed came twice";
  closed_ = reason;
  changed_.notify_all();
}

ConnectionLimits client_limits() {
  ConnectionLimits limits;
  limits.output_high_water = kNoHighWater;
  return limits;
}

std::uint16_t TwoLoops::listen(std::shared_ptr<const TlsContext> tls, bool echo,
                               const ConnectionLimits& limits) {
  ListenerOptions options;
  options.tls = std::move(tls);
  return listen(std::move(options), echo, limits);
}

std::uint16_t TwoLoops::listen(ListenerOptions options, bool echo, const ConnectionLimits& limits) {
  options.address = "127.0.0.1";
  const auto place = [this]() -> Loop& { return server_loop.loop; };
  const auto accepted = [this, echo, limits](Loop& loop, std::unique_ptr<Stream> stream) {
    EXPECT_TRUE(loop.on_loop_thread());
    auto peer = std::make_unique<TestPeer>(echo);
    peer->start(loop, std::move(stream), limits);
    const std::lock_guard lock(servers_mutex);
    servers.push_back(std::move(peer));
    servers_changed.notify_all();
  };
  const auto refused = [this](const std::string& peer_name, const dxl::Error& reason) {
    EXPECT_TRUE(door_loop.loop.on_loop_thread());
    EXPECT_EQ(peer_name.rfind("127.0.0.1:", 0), 0U) << peer_name;
    const std::lock_guard lock(servers_mutex);
    refusals.push_back(reason);
    servers_changed.notify_all();
  };
  std::uint16_t port = 0;
  door_loop.call([&] {
    auto opened = Listener::open(door_loop.loop, options, place, accepted, refused);
    ASSERT_TRUE(opened) << opened.error().message;
    listener = std::move(*opened);
    port = listener->port();
  });
  return port;
}

dxl::Result<void> TwoLoops::connect(std::uint16_t port, std::shared_ptr<const TlsContext> tls) {
  std::promise<dxl::Result<void>> done;
  client_loop.loop.post([&] {
    connect_tcp(client_loop.loop, "127.0.0.1", port, tls, kPatience,
                [&](dxl::Result<std::unique_ptr<Stream>> stream) {
                  if (!stream) {
                    done.set_value(dxl::fail(stream.error()));
                    return;
                  }
                  client->start(client_loop.loop, std::move(*stream), client_limits());
                  done.set_value({});
                });
  });
  return done.get_future().get();
}

TestPeer* TwoLoops::wait_server(std::size_t index) {
  std::unique_lock lock(servers_mutex);
  servers_changed.wait_for(lock, kPatience, [&] { return servers.size() > index; });
  return servers.size() > index ? servers[index].get() : nullptr;
}

dxl::Error TwoLoops::wait_refused(std::size_t index) {
  std::unique_lock lock(servers_mutex);
  servers_changed.wait_for(lock, kPatience, [&] { return refusals.size() > index; });
  if (refusals.size() > index) return refusals[index];
  return {dxl::ErrorCode::kCancelled, "never refused", 0};
}

}  // namespace tiara::net
