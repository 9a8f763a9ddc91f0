// Registers a service over a Link and keeps it registered: subscribe, register, refresh at 3/4 of
// the TTL with retry, register again after a reconnect; unregister, then unsubscribe (DXL reference
// §4.6). Network thread only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dxl/client.hpp"
#include "sdk/link.hpp"
#include "session/backoff.hpp"

namespace tiara::sdk {

struct ServiceTimes {
  std::chrono::milliseconds register_timeout{10'000};
  std::chrono::milliseconds unregister_timeout{5'000};
  // However short the TTL: the broker grants five minutes on top of it.
  std::chrono::milliseconds shortest_refresh{15'000};
  session::BackoffOptions retry{};  // after a registration that failed
};

class ServiceHost {
 public:
  ServiceHost(Link& link, std::string service_id, dxl::ServiceInfo info,
              std::vector<std::string> topics, const ServiceTimes& times = {});
  // Forgets without a word to the broker; call stop() first for that.
  ~ServiceHost();

  // `done` once, after the first answer of the broker: kPeer if it was an ErrorResponse, kTimedOut
  // if none came; not connected: after the connection is there. Registering goes on being tried
  // until stop(), except after kNotAuthorised: the subscription to a topic was refused.
  void start(std::function<void(dxl::Result<void>)> done);
  // `done` once: after the unregister answer or its time-out, at once when not connected. start()
  // may follow.
  void stop(std::function<void()> done);
  void on_connected();  // the owner forwards LinkEvents::on_connected
  const std::string& service_id() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tiara::sdk
