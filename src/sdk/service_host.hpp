// Registers a service over a Link and keeps it registered: subscribe, register, refresh at 3/4 of
// the TTL with retry, register again after a reconnect; unregister, then unsubscribe (DXL reference
// §4.6). Network thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dxl/client.hpp"
#include "sdk/link.hpp"

namespace tiara::sdk {

class ServiceHost {
 public:
  ServiceHost(Link& link, std::string service_id, dxl::ServiceInfo info,
              std::vector<std::string> topics);
  ~ServiceHost();

  // `done` once, after the first answer of the broker.
  void start(std::function<void(dxl::Result<void>)> done);
  void stop(std::function<void()> done);
  void on_connected();  // the owner forwards LinkEvents::on_connected
  const std::string& service_id() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tiara::sdk
