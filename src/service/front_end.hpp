// One presence of the service on a fabric: a link, the registration of its topics, the dispatcher.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "dxl/result.hpp"
#include "net/loop.hpp"
#include "sdk/link.hpp"
#include "sdk/service_host.hpp"
#include "service/dispatcher.hpp"
#include "service/other_services.hpp"
#include "service/service_core.hpp"

namespace tiara::service {

class FrontEnd final : DispatcherPorts, sdk::LinkEvents {
 public:
  // Adds itself to the core, which must outlive it and must not have been started.
  FrontEnd(ServiceCore& core, sdk::LinkOptions link, sdk::Connector connector,
           std::string service_id);
  ~FrontEnd() override;

  void start();
  // Unregisters: no more requests come. Any thread but the network thread.
  void unregister();
  // Returns when everything posted so far has been done on the network thread.
  void settle();
  void stop();

  bool ready() const;  // registered and connected
  dxl::Result<void> wait_ready(std::chrono::milliseconds timeout);
  std::vector<OtherService> other_services() const;

 private:
  // Network thread.
  void on_connected() override;
  void on_disconnected(const dxl::Error& why) override;
  void on_message(std::string_view topic, const dxl::MessageView& message) override;
  void send(std::string_view topic, const dxl::MessageView& message) override;
  bool write(Command command) override;
  bool read(ReadTask task) override;
  void register_service();
  void set_registered(bool value);
  void note_others(const std::vector<OtherService>& others);

  ServiceCore& core_;
  Origin origin_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool registered_ = false;
  std::vector<OtherService> others_;

  Dispatcher dispatcher_;  // network thread
  sdk::Link link_;
  // All below: network thread.
  sdk::ServiceHost host_;
  OtherServices other_services_;
  base::SystemRandom random_;
  session::Backoff backoff_{session::BackoffOptions{}};
  std::unique_ptr<net::Loop::Timer> retry_;
};

}  // namespace tiara::service
