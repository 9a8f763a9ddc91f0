#include "sdk/link.hpp"

#include <pthread.h>

#include <algorithm>
#include <bit>
#include <future>
#include <utility>

#include "sdk/link_impl.hpp"

namespace tiara::sdk {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

using RequestDone = std::function<void(dxl::Result<dxl::Reply>)>;
using Done = std::function<void(dxl::Result<void>)>;

}  // namespace

// Everybody who waits for the broker hears that it will not answer.
void Link::Impl::fail_waiters() {
  session.stop();
  for (auto& [id, pending] : std::exchange(subacks, {})) {
    for (const Done& done : pending.done) done({});  // remembered: sent after the reconnect
  }
  const dxl::Error why{stopping() ? ErrorCode::kCancelled : ErrorCode::kNotConnected,
                       "the connection was lost before the broker answered"};
  for (const Ping& ping : std::exchange(pings, {})) ping.done(dxl::fail(why));
}

std::size_t Link::Impl::on_bytes(net::Connection& from, std::string_view bytes) {
  if (&from != connection.get() || from.closing()) return bytes.size();
  const std::size_t consumed = session.on_bytes(bytes, from.output(), now());
  from.flush_later();
  return consumed;
}

void Link::Impl::on_reply(session::RequestToken token, dxl::Result<dxl::Reply> reply) {
  const auto found = requests.find(token);
  if (found == requests.end()) return;
  const RequestDone done = std::move(found->second);
  requests.erase(found);
  if (!reply && reply.error().code == ErrorCode::kNotConnected && stopping()) {
    return done(dxl::fail(ErrorCode::kCancelled, "the client disconnected before the answer came"));
  }
  done(std::move(reply));
}

void Link::Impl::on_undecodable(std::string_view topic, const dxl::Error& why) {
  if (!std::has_single_bit(++undecodable)) return;  // 1, 2, 4, 8, …
  log(LogLevel::kWarning, "dropped a message on {} that is not DXL: {} ({} so far)", topic,
      why.message, undecodable);
}

void Link::Impl::on_suback(std::uint16_t packet_id, bool granted) {
  const auto found = subacks.find(packet_id);
  if (found == subacks.end()) {
    if (!granted) log(LogLevel::kWarning, "the broker refused a subscription it had granted");
    return;
  }
  const PendingSubscription pending = std::move(found->second);
  subacks.erase(found);
  for (const Done& done : pending.done) {
    if (granted) {
      done({});
      continue;
    }
    session.remove_subscription(pending.filter, output());
    done(dxl::fail(ErrorCode::kNotAuthorised,
                   "the broker refused the subscription to " + pending.filter));
  }
}

void Link::Impl::on_pong(std::uint64_t number) {
  while (!pings.empty() && pings.front().number <= number) {
    const Done done = std::move(pings.front().done);
    pings.pop_front();
    done({});
  }
}

void Link::Impl::arm_tick(base::SteadyTime at) {
  if (at >= tick_at) return;
  tick_at = at;
  tick_timer = loop.schedule(at - now(), [this] { tick(); });
}

void Link::Impl::tick() {
  tick_at = base::SteadyTime::max();
  const base::SteadyTime next = session.tick(now(), output());
  arm_tick(std::min(next, expire_pings()));
}

base::SteadyTime Link::Impl::expire_pings() {
  base::SteadyTime next = base::SteadyTime::max();
  for (std::size_t i = 0; i < pings.size();) {
    if (pings[i].deadline > now()) {
      next = std::min(next, pings[i++].deadline);
      continue;
    }
    const Done done = std::move(pings[i].done);
    pings.erase(pings.begin() + static_cast<std::ptrdiff_t>(i));
    done(dxl::fail(ErrorCode::kTimedOut, "the broker did not answer a ping before the deadline"));
  }
  return next;
}

Link::Link(LinkOptions options, Connector connector, LinkEvents& events)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(connector), events)) {
  impl_->thread = std::thread([this] {
    constexpr std::size_t kThreadName = 15;  // Linux's limit
    pthread_setname_np(pthread_self(), impl_->options.name.substr(0, kThreadName).c_str());
    impl_->loop.run();
  });
}

Link::~Link() {
  stop();
  impl_->loop.stop();
  impl_->thread.join();
}

void Link::start() {
  post([this] {
    impl_->wanted = true;
    impl_->begin_attempt();
  });
}

void Link::stop() {
  const auto stopped = std::make_shared<std::promise<void>>();
  post([this, stopped] { impl_->begin_stop([stopped] { stopped->set_value(); }); });
  stopped->get_future().wait();  // bounded: 2 s to drain
}

bool Link::connected() const { return impl_->is_connected; }

dxl::Error Link::last_error() const {
  const std::lock_guard lock(impl_->error_mutex);
  const std::string waits = impl_->progress.text();
  if (!impl_->error)
    return waits.empty() ? dxl::Error{ErrorCode::kNotConnected, "nothing was tried yet"}
                         : dxl::Error{ErrorCode::kTimedOut, waits};
  dxl::Error why = *impl_->error;
  if (!waits.empty()) why.message += "; now " + waits;
  return why;
}

void Link::post(std::function<void()> task) { impl_->loop.post(std::move(task)); }
net::Loop& Link::loop() { return impl_->loop; }

void Link::send(std::string_view topic, const dxl::MessageView& message) {
  Impl& link = *impl_;
  const bool room = link.connection && !link.connection->above_limit();
  if (room && link.session.send(topic, message, link.output())) return;
  if (!std::has_single_bit(++link.dropped)) return;  // 1, 2, 4, 8, …
  link.log(LogLevel::kWarning, "could not send a message to {}: {} ({} so far)", topic,
           !link.session.ready() ? "not connected"
           : !room               ? "too much waits to be sent"
                                 : "not a topic one may send to",
           link.dropped);
}

std::uint64_t Link::request(std::string_view topic, const dxl::MessageView& request,
                            std::chrono::milliseconds timeout, RequestDone done) {
  Impl& link = *impl_;
  if (link.connection && link.connection->above_limit()) {
    done(dxl::fail(ErrorCode::kUnavailable, "too much waits to be sent to the broker"));
    return 0;
  }
  const session::RequestToken token = ++link.last_token;
  const base::SteadyTime deadline = Impl::now() + timeout;
  link.requests.emplace(token, std::move(done));
  link.session.send_request(token, topic, request, deadline, link.output());
  link.arm_tick(deadline);
  return token;
}

void Link::cancel(std::uint64_t request) {
  impl_->session.cancel_request(request);
  impl_->on_reply(request, dxl::fail(ErrorCode::kCancelled, "called off before the answer came"));
}

void Link::subscribe(std::string_view filter, Done done) {
  Impl& link = *impl_;
  const std::uint16_t id = link.session.add_subscription(filter, link.output());
  if (id != 0) {
    link.subacks.insert_or_assign(id, Impl::PendingSubscription{std::string(filter), {}});
    link.subacks[id].done.push_back(std::move(done));
    return;
  }
  for (auto& [pending_id, pending] : link.subacks) {
    if (pending.filter == filter) return pending.done.push_back(std::move(done));
  }
  done({});
}

void Link::unsubscribe(std::string_view filter) {
  impl_->session.remove_subscription(filter, impl_->output());
}

void Link::ping(std::chrono::milliseconds timeout, Done done) {
  Impl& link = *impl_;
  const std::uint64_t number = link.session.ping(link.output());
  if (number == 0) return done(dxl::fail(ErrorCode::kNotConnected, "not connected"));
  const base::SteadyTime deadline = Impl::now() + timeout;
  link.pings.push_back({number, deadline, std::move(done)});
  link.arm_tick(deadline);
}

std::size_t Link::unsent_bytes() const {
  return impl_->connection ? impl_->connection->unsent_bytes() : 0;
}

}  // namespace tiara::sdk
