// The way to the brokers of a configuration: which address is next, and how one gets there (MQTT or
// WebSockets over TLS, directly or through a proxy).
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/endpoints.hpp"
#include "net/tls.hpp"
#include "net/web_socket_stream.hpp"
#include "sdk/broker_probe.hpp"
#include "sdk/link.hpp"

namespace tiara::sdk {
namespace {

using dxl::ErrorCode;
using StreamDone = std::function<void(dxl::Result<std::unique_ptr<net::Stream>>)>;

// Of an attempt's deadline, what finding the fastest broker may cost at most.
constexpr int kProbeShare = 4;
constexpr std::chrono::milliseconds kMaxProbeTime{1'000};
// After a lost connection the order is measured again only when it is older than this: probes of
// all clients at once are what a broker that has just come back needs least.
constexpr std::chrono::minutes kOrderLasts{10};

const std::vector<dxl::BrokerAddress>& brokers_of(const dxl::ClientConfig& config) {
  return config.use_websockets ? config.websocket_brokers : config.brokers;
}

// Hosts before addresses within a broker; an ip that repeats the host is not a second chance.
std::vector<Address> addresses_of(const std::vector<dxl::BrokerAddress>& brokers) {
  std::vector<Address> addresses;
  for (const dxl::BrokerAddress& broker : brokers) {
    addresses.push_back({broker.host, broker.port});
    if (!broker.ip.empty() && broker.ip != broker.host) {
      addresses.push_back({broker.ip, broker.port});
    }
  }
  return addresses;
}

class Rotation : public std::enable_shared_from_this<Rotation> {
 public:
  Rotation(std::vector<Address> addresses, std::shared_ptr<const net::TlsContext> tls,
           bool web_sockets, std::optional<net::Proxy> proxy)
      : as_written_(addresses),
        addresses_(std::move(addresses)),
        tls_(std::move(tls)),
        web_sockets_(web_sockets),
        proxy_(std::move(proxy)) {}

  // Where to; unknown while the brokers are being measured.
  std::string connect(net::Loop& loop, std::chrono::milliseconds deadline, StreamDone done) {
    if (next_ == 0 && must_measure()) {
      measure(loop, deadline, std::move(done));
      return {};
    }
    const Address address = addresses_[next_];
    next_ = (next_ + 1) % addresses_.size();
    pass_failed_ = next_ == 0;  // unless this one succeeds: begin_pass() is told
    open(loop, address, deadline, std::move(done));
    return net::authority_of(address.host, address.port);
  }

  // After a connection: from the fastest again.
  void begin_pass(bool after_connection) {
    next_ = 0;
    if (after_connection) pass_failed_ = false;
  }

 private:
  // Names behind a proxy are the proxy's to resolve, and its own time says nothing about them.
  bool must_measure() const {
    if (addresses_.size() < 2 || proxy_) return false;
    return !measured_at_ || pass_failed_ ||
           std::chrono::steady_clock::now() - *measured_at_ > kOrderLasts;
  }

  void measure(net::Loop& loop, std::chrono::milliseconds deadline, StreamDone done) {
    const auto began = std::chrono::steady_clock::now();
    probe_addresses(loop, as_written_, std::min(deadline / kProbeShare, kMaxProbeTime),
                    [self = shared_from_this(), &loop, deadline, began,
                     done = std::move(done)](const std::vector<std::size_t>& order) mutable {
                      self->use(order);
                      const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::steady_clock::now() - began);
                      (void)self->connect(loop, deadline - spent, std::move(done));
                    });
  }

  void use(const std::vector<std::size_t>& order) {
    std::vector<Address> sorted;
    for (const std::size_t index : order) sorted.push_back(as_written_[index]);
    addresses_ = std::move(sorted);
    measured_at_ = std::chrono::steady_clock::now();
    pass_failed_ = false;
    next_ = 0;
  }

  void open(net::Loop& loop, const Address& address, std::chrono::milliseconds deadline,
            StreamDone done) const {
    if (web_sockets_) {
      done = [host = net::authority_of(address.host, address.port),
              done = std::move(done)](dxl::Result<std::unique_ptr<net::Stream>> stream) {
        if (stream) stream = net::make_web_socket_client_stream(std::move(*stream), host);
        done(std::move(stream));
      };
    }
    if (proxy_) {
      return net::connect_through_proxy(loop, *proxy_, address.host, address.port, tls_, deadline,
                                        std::move(done));
    }
    net::connect_tcp(loop, address.host, address.port, tls_, deadline, std::move(done));
  }

  const std::vector<Address> as_written_;
  std::vector<Address> addresses_;  // in the order of the last measurement
  const std::shared_ptr<const net::TlsContext> tls_;
  const bool web_sockets_;
  const std::optional<net::Proxy> proxy_;
  std::size_t next_ = 0;
  std::optional<std::chrono::steady_clock::time_point> measured_at_;
  bool pass_failed_ = false;
};

// What would fail at every attempt is said before the first.
dxl::Result<std::optional<net::Proxy>> proxy_of(const dxl::ClientConfig& config) {
  if (!config.proxy) return std::optional<net::Proxy>{};
  net::Proxy proxy{config.proxy->address, config.proxy->port, config.proxy->user,
                   config.proxy->password};
  for (const dxl::BrokerAddress& broker : brokers_of(config)) {
    const auto request = net::make_connect_request(proxy, broker.host, broker.port);
    if (!request) return dxl::fail(ErrorCode::kConfiguration, request.error().message);
  }
  return std::optional<net::Proxy>(std::move(proxy));
}

}  // namespace

dxl::Result<TcpRoute> make_tcp_route(const dxl::ClientConfig& config) {
  if (brokers_of(config).empty()) {
    return dxl::fail(ErrorCode::kConfiguration,
                     config.use_websockets ? "[BrokersWebSockets]: no broker is listed, and "
                                             "UseWebSockets asks for them"
                                           : "[Brokers]: no broker is listed");
  }
  auto proxy = proxy_of(config);
  if (!proxy) return dxl::fail(proxy.error());
  auto tls = net::TlsContext::make_client({.certificate = config.cert_file,
                                           .private_key = config.private_key,
                                           .ca_bundle = config.broker_cert_chain});
  if (!tls) return dxl::fail(tls.error());
  const auto rotation = std::make_shared<Rotation>(
      addresses_of(brokers_of(config)), std::move(*tls), config.use_websockets, *std::move(proxy));
  return TcpRoute{
      .connector =
          [rotation](net::Loop& loop, std::chrono::milliseconds deadline, StreamDone done) {
            return rotation->connect(loop, deadline, std::move(done));
          },
      .begin_pass = [rotation](bool after_connection) { rotation->begin_pass(after_connection); },
      .addresses = count_addresses(config)};
}

dxl::Result<Connector> make_tcp_connector(const dxl::ClientConfig& config) {
  auto route = make_tcp_route(config);
  if (!route) return dxl::fail(route.error());
  return std::move(route->connector);
}

std::size_t count_addresses(const dxl::ClientConfig& config) {
  return addresses_of(brokers_of(config)).size();
}

}  // namespace tiara::sdk
