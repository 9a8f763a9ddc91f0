#include "storm.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

namespace load {
namespace {

constexpr unsigned kClientIds = 1;
constexpr std::chrono::milliseconds kRetryPause{200};

}  // namespace

Storm::Storm(const Target& target, ssl_ctx_st* tls, std::size_t clients)
    : target_(target), tls_(tls), epoll_(epoll_create1(EPOLL_CLOEXEC)), clients_(clients) {}

Storm::~Storm() { close(epoll_); }

std::string Storm::reply_topic(std::size_t client) const {
  return "/mcafee/client/" + make_id(kClientIds, client);
}

bool Storm::open(std::size_t at_once, Clock::duration deadline) {
  opened_at_ = Clock::now();
  seconds_to_return_.clear();
  const auto end = opened_at_ + deadline;
  while (up_ < clients_.size()) {
    const auto now = Clock::now();
    if (now > end) return false;
    for (std::size_t i = 0; i < clients_.size() && opening_ < at_once; ++i)
      if (clients_[i].stage == Stage::kDown && clients_[i].try_at <= now) start(i);
    turn(now + kRetryPause);
  }
  return true;
}

void Storm::drop() {
  for (Client& client : clients_) client = Client{};
  up_ = opening_ = with_event_ = 0;
}

void Storm::hold(Clock::duration time) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end) turn(end);
}

bool Storm::await_events(Clock::duration deadline) {
  const auto end = Clock::now() + deadline;
  while (with_event_ < clients_.size() && Clock::now() < end) turn(end);
  return with_event_ == clients_.size();
}

void Storm::start(std::size_t number) {
  Client& client = clients_[number];
  client.link = std::make_unique<Link>(target_, tls_);
  client.stage = Stage::kOpening;
  ++opening_;
  const std::string id = make_id(kClientIds, number);
  client.link->queue(connect_packet(id));
  if (client.link->state() == Link::State::kFailed) return lose(number);
  watch(number, EPOLL_CTL_ADD);
}

void Storm::step(std::size_t number) {
  Client& client = clients_[number];
  if (!client.link) return;
  client.link->advance();
  if (client.stage == Stage::kOpening && client.link->state() == Link::State::kOpen)
    client.stage = Stage::kConnectSent;
  take_packets(number);
  if (client.link->state() == Link::State::kFailed) return lose(number);
  if (client.link->wants_write() != client.watched_for_write) watch(number, EPOLL_CTL_MOD);
}

void Storm::take_packets(std::size_t number) {
  Client& client = clients_[number];
  while (const auto packet = client.link->next()) {
    if (client.stage == Stage::kConnectSent && packet->type == kConnack) {
      client.stage = Stage::kSubscribeSent;
      client.link->queue(subscribe_packet(reply_topic(number)));
      client.link->advance();
    } else if (client.stage == Stage::kSubscribeSent && packet->type == kSuback) {
      client.stage = Stage::kUp;
      --opening_;
      ++up_;
      seconds_to_return_.push_back(
          std::chrono::duration<double>(Clock::now() - opened_at_).count());
    } else if (packet->type == kPublish && !client.has_event) {
      client.has_event = true;
      ++with_event_;
    }
  }
}

void Storm::watch(std::size_t number, int operation) {
  Client& client = clients_[number];
  client.watched_for_write = client.link->wants_write();
  epoll_event event{};
  event.events = EPOLLIN | (client.watched_for_write ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.u64 = number;
  epoll_ctl(epoll_, operation, client.link->descriptor(), &event);
}

void Storm::lose(std::size_t number) {
  Client& client = clients_[number];
  if (failures_++ == 0) first_failure_ = client.link->failure();
  if (client.stage == Stage::kUp) {
    --up_;
    if (client.has_event) --with_event_;
  } else {
    --opening_;
  }
  client = Client{};
  client.try_at = Clock::now() + kRetryPause;
}

void Storm::turn(Clock::time_point until) {
  std::array<epoll_event, 256> events;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                               static_cast<int>(std::clamp<long>(left, 0, 100)));
  for (int i = 0; i < count; ++i) {
    step(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64));
    std::this_thread::yield();  // to those who are measured
  }
}

}  // namespace load
