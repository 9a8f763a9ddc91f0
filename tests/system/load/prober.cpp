#include "prober.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace load {
namespace {

constexpr unsigned kRequestIds = 2, kPeerIds = 3;
constexpr std::string_view kTopic = "/load/probe";
constexpr std::string_view kRegister = "/mcafee/service/dxl/svcregistry/register";
constexpr int kSetupSeconds = 30;

std::string reply_topic(std::size_t number) {
  return "/mcafee/client/" + make_id(kPeerIds, number);
}

}  // namespace

std::unique_ptr<Prober> Prober::create(const Target& target, ssl_ctx_st* tls,
                                       const Options& options) {
  std::unique_ptr<Prober> prober(new Prober(options));
  for (std::size_t i = 0; i <= options.requesters; ++i) {
    if (prober->open_link(target, tls, i)) continue;
    std::fprintf(stderr, "crowd: prober connection %zu: %s\n", i,
                 prober->links_.back()->failure().c_str());
    return nullptr;
  }
  return prober;
}

Prober::~Prober() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

bool Prober::open_link(const Target& target, ssl_ctx_st* tls, std::size_t number) {
  Link& link = *links_.emplace_back(std::make_unique<Link>(target, tls));
  link.queue(connect_packet(make_id(kPeerIds, number)));
  if (!link.await(kConnack, kSetupSeconds)) return false;
  link.queue(subscribe_packet(reply_topic(number)));
  if (!link.await(kSuback, kSetupSeconds)) return false;
  if (number > 0) return true;
  link.queue(subscribe_packet(kTopic));
  if (!link.await(kSuback, kSetupSeconds)) return false;
  link.queue(
      publish_packet(kRegister, request_message(make_id(kPeerIds, 0), reply_topic(0),
                                                registration(make_id(kPeerIds, 0), kTopic))));
  const auto answer = link.await(kPublish, kSetupSeconds);
  const auto message = answer ? read_message(*answer) : std::nullopt;
  return message && message->type == kResponse;
}

void Prober::start() {
  first_due_ = Clock::now();
  thread_ = std::thread([this] { run(); });
}

Prober::Result Prober::stop(Clock::duration patience) {
  sending_ = false;
  const auto end = Clock::now() + patience;
  while (outstanding_ > 0 && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  stop_ = true;
  thread_.join();
  return {.requests = std::move(requests_), .failure = std::move(failure_)};
}

void Prober::run() {
  std::vector<pollfd> ready(links_.size());
  while (!stop_) {
    if (sending_) send_due(Clock::now());
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const int events = POLLIN | (links_[i]->wants_write() ? POLLOUT : 0);
      ready[i] = {
          .fd = links_[i]->descriptor(), .events = static_cast<short>(events), .revents = 0};
    }
    const auto due =
        first_due_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                         static_cast<double>(requests_.size()) / options_.rate));
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(due - Clock::now());
    // After the last request nothing is due; look at stop_ now and then.
    const long wait = sending_ ? std::max(0L, static_cast<long>(left.count())) : 5'000'000;
    const timespec timeout{.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
    if (ppoll(ready.data(), ready.size(), &timeout, nullptr) <= 0) continue;
    for (std::size_t i = 0; i < links_.size(); ++i)
      if (ready[i].revents != 0) read(i);
    if (!failure_.empty()) return;
  }
}

void Prober::send_due(Clock::time_point now) {
  for (;;) {
    const std::size_t number = requests_.size();
    const auto due = std::chrono::duration<double>(static_cast<double>(number) / options_.rate);
    const std::chrono::duration<double> since_start = now - first_due_;
    if (since_start < due) return;
    requests_.push_back({.phase = phase_, .late = (since_start - due).count()});
    ++outstanding_;
    const std::size_t peer = 1 + number % options_.requesters;
    links_[peer]->queue(
        publish_packet(kTopic, request_message(make_id(kRequestIds, number), reply_topic(peer),
                                               std::string(options_.payload_bytes, 'x'))));
    read(peer);  // writes too
  }
}

void Prober::read(std::size_t number) {
  Link& link = *links_[number];
  do {
    link.advance();
    bool answered = false;
    while (const auto packet = link.next()) {
      const auto message = packet->type == kPublish ? read_message(packet->body) : std::nullopt;
      if (!message) continue;
      if (number > 0) {
        note(*message);
      } else if (message->type == 0) {
        std::string answer;
        append_response(*message, std::string(options_.payload_bytes, 'y'), answer);
        link.queue(answer);
        answered = true;
      }
    }
    if (!answered) break;
  } while (link.state() == Link::State::kOpen);
  if (link.state() == Link::State::kFailed && failure_.empty())
    failure_ = (number == 0 ? "service: " : "requester: ") + link.failure();
}

void Prober::note(const Message& answer) {
  const auto number = number_of(answer.reply_to_or_request_id);
  if (!number || *number >= requests_.size() || requests_[*number].latency >= 0) return;
  Request& request = requests_[*number];
  const std::chrono::duration<double> since_start = Clock::now() - first_due_;
  request.latency = since_start.count() - static_cast<double>(*number) / options_.rate;
  request.error = answer.type != kResponse;
  --outstanding_;
}

}  // namespace load
