#include "broker/broker.hpp"

#include <future>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "broker/hub.hpp"
#include "net/endpoints.hpp"

namespace tiara::broker {
namespace {

// With port 0 the second address must get the port that the kernel chose for the first; somebody
// else may have it there already.
constexpr int kPortAttempts = 8;

using Listeners = std::vector<std::unique_ptr<net::Listener>>;

}  // namespace

struct Broker::Impl {
  Impl(BrokerOptions given, fabric::Authorization authorization)
      : options(std::move(given)),
        hub(loop, options.limits, options.broker_id, std::move(authorization)) {}

  dxl::Result<Listeners> open_listeners();
  dxl::Result<void> listen();

  // Runs `task` on the loop's thread and waits for what it returns.
  template <class Task>
  auto call(Task task) {
    using Value = decltype(task());
    if (loop.on_loop_thread()) return task();
    std::packaged_task<Value()> packaged(std::move(task));
    auto result = packaged.get_future();
    loop.post([&packaged] { packaged(); });
    return result.get();
  }

  BrokerOptions options;
  net::Loop loop;
  Hub hub;
  Listeners listeners;
  std::string skipped;  // why there is no listener on ::1
  std::thread thread;
};

dxl::Result<Listeners> Broker::Impl::open_listeners() {
  Listeners opened;
  std::uint16_t port = options.port;
  for (const std::string& address : options.listen_addresses) {
    auto listener = net::Listener::open(
        loop, address, port, options.tls,
        [this](std::unique_ptr<net::Stream> stream) { hub.accept(std::move(stream), false); });
    if (listener) {
      port = (*listener)->port();
      opened.push_back(*std::move(listener));
    } else if (address == "::1" && !opened.empty()) {
      skipped = listener.error().message;
    } else {
      return dxl::fail(std::move(listener).error());
    }
  }
  if (opened.empty())
    return dxl::fail(dxl::ErrorCode::kInvalidArgument, "listen_addresses: no address to listen on");
  return opened;
}

dxl::Result<void> Broker::Impl::listen() {
  for (int attempt = 1;; ++attempt) {
    auto opened = open_listeners();
    const bool complete = opened && opened->size() == options.listen_addresses.size();
    if (!complete && options.port == 0 && attempt < kPortAttempts) continue;
    if (!opened) return dxl::fail(std::move(opened).error());
    if (!complete)
      base::log(base::LogLevel::kWarning, "broker", "not listening on ::1: {}", skipped);
    listeners = *std::move(opened);
    return {};
  }
}

dxl::Result<std::unique_ptr<Broker>> Broker::start(BrokerOptions options,
                                                   fabric::Authorization authorization) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(authorization));
  if (auto listening = impl->listen(); !listening) return dxl::fail(std::move(listening).error());
  impl->hub.start();
  if (!impl->options.tls)
    base::log(base::LogLevel::kWarning, "broker",
              "plain TCP: every client is anonymous, for benchmarks only");
  impl->thread = std::thread([&loop = impl->loop] { loop.run(); });
  return std::unique_ptr<Broker>(new Broker(std::move(impl)));
}

Broker::Broker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Broker::~Broker() {
  impl_->loop.post([impl = impl_.get()] {
    impl->listeners.clear();
    impl->hub.shut_down([impl] { impl->loop.stop(); });
  });
  impl_->thread.join();
}

std::uint16_t Broker::port() const { return impl_->listeners.front()->port(); }

net::Loop& Broker::loop() { return impl_->loop; }

std::unique_ptr<net::Stream> Broker::attach_service(net::Loop& client_loop,
                                                    std::vector<net::PeerCertificate> chain) {
  // Each end reports the chain given for it: the broker's end that of the service.
  auto [client_end, broker_end] =
      net::make_in_process_pair(client_loop, {}, impl_->loop, std::move(chain));
  // A task must be copyable.
  auto shared = std::make_shared<std::unique_ptr<net::Stream>>(std::move(broker_end));
  impl_->loop.post([impl = impl_.get(), shared] { impl->hub.accept(std::move(*shared), true); });
  return std::move(client_end);
}

void Broker::set_authorization(fabric::Authorization authorization) {
  impl_->call([&] { impl_->hub.set_authorization(std::move(authorization)); });
}

BrokerStatus Broker::status() const {
  return impl_->call([this] { return impl_->hub.status(); });
}

}  // namespace tiara::broker
