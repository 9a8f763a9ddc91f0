#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.hpp"
#include "net/endpoints.hpp"
#include "net/tls.hpp"
#include "sdk/link.hpp"

namespace tiara::sdk {
namespace {

struct Address {
  std::string host;
  std::uint16_t port;
};

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

struct Rotation {
  std::vector<Address> addresses;
  std::shared_ptr<const net::TlsContext> tls;
  std::size_t next = 0;
};

}  // namespace

dxl::Result<Connector> make_tcp_connector(const dxl::ClientConfig& config) {
  if (config.use_websockets) {
    return dxl::fail(dxl::ErrorCode::kConfiguration,
                     "UseWebSockets: this client speaks MQTT over TLS only; set it to False and "
                     "list the brokers under [Brokers]");
  }
  if (config.brokers.empty()) {
    return dxl::fail(dxl::ErrorCode::kConfiguration, "[Brokers]: no broker is listed");
  }
  if (config.proxy) {
    base::log(base::LogLevel::kWarning, "client",
              "[Proxy] applies to WebSockets only and is ignored");
  }
  auto tls = net::TlsContext::make_client({.certificate = config.cert_file,
                                           .private_key = config.private_key,
                                           .ca_bundle = config.broker_cert_chain});
  if (!tls) return dxl::fail(tls.error());
  auto rotation = std::make_shared<Rotation>();
  rotation->addresses = addresses_of(config.brokers);
  rotation->tls = std::move(*tls);
  return Connector([rotation](net::Loop& loop, std::chrono::milliseconds deadline, auto done) {
    const Address& address = rotation->addresses[rotation->next];
    rotation->next = (rotation->next + 1) % rotation->addresses.size();
    net::connect_tcp(loop, address.host, address.port, rotation->tls, deadline, std::move(done));
    return fmt::format("{}:{}", address.host, address.port);
  });
}

std::size_t count_addresses(const dxl::ClientConfig& config) {
  return addresses_of(config.brokers).size();
}

}  // namespace tiara::sdk
