#include "service/front_end.hpp"

#include <future>
#include <utility>

#include "base/log.hpp"

namespace tiara::service {

using base::LogLevel;

FrontEnd::FrontEnd(ServiceCore& core, sdk::LinkOptions link, sdk::Connector connector,
                   std::string service_id)
    : core_(core),
      origin_(core.add_front_end(
          {.written =
               [this](std::vector<Completed> results) {
                 auto shared = std::make_shared<std::vector<Completed>>(std::move(results));
                 link_.post([this, shared] { dispatcher_.on_written(std::move(*shared)); });
               },
           .read =
               [this](std::vector<ReadDone> done) {
                 auto shared = std::make_shared<std::vector<ReadDone>>(std::move(done));
                 link_.post([this, shared] {
                   for (ReadDone& one : *shared) dispatcher_.on_read(std::move(one));
                 });
               }})),
      dispatcher_(core.context(), core.access(), core.clock(), *this),
      link_(std::move(link), std::move(connector), *this),
      host_(link_, service_id,
            {.service_type = std::string(kServiceType),
             .metadata = {{std::string(kStoreIdKey), core.store().id()}}},
            Dispatcher::request_topics()),
      other_services_(link_, service_id, core.store().id(),
                      [this](const std::vector<OtherService>& others) { note_others(others); }) {}

FrontEnd::~FrontEnd() = default;

void FrontEnd::on_connected() { host_.on_connected(); }

void FrontEnd::on_disconnected(const dxl::Error& why) {
  if (why.code == dxl::ErrorCode::kCancelled) return;  // a clean stop
  base::log(LogLevel::kWarning, "tie", "disconnected from the fabric: {}", why.message);
}

void FrontEnd::on_message(std::string_view topic, const dxl::MessageView& message) {
  dispatcher_.on_message(topic, message);
}

void FrontEnd::send(std::string_view topic, const dxl::MessageView& message) {
  link_.send(topic, message);
}

bool FrontEnd::write(Command command) { return core_.write(origin_, std::move(command)); }
bool FrontEnd::read(ReadTask task) { return core_.read(origin_, std::move(task)); }

void FrontEnd::start() {
  link_.post([this] {
    for (const std::string& topic : Dispatcher::event_topics())
      link_.subscribe(topic, [topic](const dxl::Result<void>& suback) {
        if (!suback)
          base::log(LogLevel::kError, "tie", "events on {} will not arrive: {}", topic,
                    suback.error().message);
      });
    register_service();
  });
  link_.start();
}

// The host tells its first answer only, so after a refusal it is asked again: somebody may be
// waiting for us to become ready.
void FrontEnd::register_service() {
  host_.start([this](const dxl::Result<void>& outcome) {
    set_registered(outcome.has_value());
    if (outcome) return other_services_.ask();
    if (outcome.error().code == dxl::ErrorCode::kCancelled) return;
    base::log(LogLevel::kWarning, "tie", "not registered: {}", outcome.error().message);
    retry_ = link_.loop().schedule(backoff_.next(random_), [this] { register_service(); });
  });
}

void FrontEnd::set_registered(bool value) {
  {
    const std::lock_guard lock(mutex_);
    registered_ = value;
  }
  changed_.notify_all();
}

void FrontEnd::note_others(const std::vector<OtherService>& others) {
  for (const OtherService& other : others) {
    base::log_event(
        LogLevel::kWarning, "tie", "service.other", "",
        {{"service", other.service_id}, {"store", other.store_id}},
        fmt::format("another TIE service is on this fabric with {}: {} ({}); clients are answered "
                    "now by one, now by the other",
                    other.store_id.empty() ? "a store of another kind" : "store " + other.store_id,
                    other.service_id, other.type));
  }
  if (others.empty())
    base::log_event(LogLevel::kInfo, "tie", "service.alone", "", {},
                    "no other TIE service is on this fabric any more");
  const std::lock_guard lock(mutex_);
  others_ = others;
}

void FrontEnd::unregister() {
  std::promise<void> unregistered;
  link_.post([&] {
    retry_.reset();
    host_.stop([&unregistered] { unregistered.set_value(); });
  });
  unregistered.get_future().wait();
}

void FrontEnd::settle() {
  std::promise<void> done;
  link_.post([&] { done.set_value(); });
  done.get_future().wait();
}

void FrontEnd::stop() {
  link_.stop();
  set_registered(false);
}

bool FrontEnd::ready() const {
  const std::lock_guard lock(mutex_);
  return registered_ && link_.connected();
}

dxl::Result<void> FrontEnd::wait_ready(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, timeout, [this] { return registered_; })) return {};
  // Connected and yet not registered, or why there is no connection.
  const dxl::Error error = link_.last_error();
  const bool is_connected = link_.connected() || error.message.empty();
  return dxl::fail(is_connected ? dxl::ErrorCode::kTimedOut : error.code,
                   "the TIE service is not registered with the fabric" +
                       (is_connected ? std::string() : ": " + error.message));
}

std::vector<OtherService> FrontEnd::other_services() const {
  const std::lock_guard lock(mutex_);
  return others_;
}

}  // namespace tiara::service
