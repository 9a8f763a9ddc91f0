// For tests: a router with a clock one can move, readable identities, and deliveries as values.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dxl/message_codec.hpp"
#include "fabric/router.hpp"

namespace tiara::fabric {

class ManualClock final : public base::Clock {
 public:
  base::SteadyTime now() const override { return steady; }
  std::int64_t epoch_seconds() const override { return epoch; }
  base::SteadyTime steady{};
  std::int64_t epoch = 1'700'000'000;
};

class CountingRandom final : public base::Random {
 public:
  std::uint64_t next() override { return ++state_; }

 private:
  std::uint64_t state_ = 0;
};

inline constexpr std::string_view kBroker = "11111111-1111-1111-1111-111111111111";

// Certificate `<name>-sha1` signed by `ca-sha1`, instance id `<name>-sha1:<connection>`.
inline Identity identity_of(const std::string& name, ConnectionId connection) {
  return make_identity({{"ca-sha1", "ca-sha256"}, {name + "-sha1", name + "-sha256"}}, "CN=" + name,
                       std::to_string(connection));
}

using Filters = std::vector<std::string>;

struct Delivered {
  std::string topic;
  dxl::MessageView message;  // into the harness; valid until the next call
  std::vector<ConnectionId> targets;
};

class RouterHarness {
 public:
  explicit RouterHarness(Policy policy = {}, RouterOptions options = {})
      : router(completed(std::move(options)), Authorization(std::move(policy)), clock, random) {}

  // Applies and announces, adding to `deliveries`.
  Refusal change(const Change& change) {
    const Outcome outcome = router.apply(change);
    return router.announce(change, outcome, deliveries);
  }

  void connect(ConnectionId connection, const std::string& name, Filters filters = {}) {
    connect(connection, identity_of(name, connection));
    subscribe(connection, std::move(filters));
  }
  // The following leave in `deliveries` what came of them alone.
  void connect(ConnectionId connection, Identity identity) {
    deliveries.clear();
    change(ClientConnected{connection, std::move(identity)});
  }
  void disconnect(ConnectionId connection) {
    deliveries.clear();
    change(ClientDisconnected{connection});
  }
  void subscribe(ConnectionId connection, Filters filters) {
    deliveries.clear();
    change(Subscribed{connection, std::move(filters)});
  }
  void unsubscribe(ConnectionId connection, Filters filters) {
    deliveries.clear();
    change(Unsubscribed{connection, std::move(filters)});
  }
  void expire_services() {
    deliveries.clear();
    if (router.has_expired_services()) change(ServicesExpired{clock.now()});
  }
  void set_policy(Policy policy) {
    change(AuthorizationReplaced{std::make_shared<const Authorization>(std::move(policy))});
  }

  Refusal publish(ConnectionId from, std::string_view topic, std::string_view payload) {
    deliveries.clear();
    std::optional<Change> wanted;
    const Refusal refusal = router.publish(from, topic, payload, deliveries, wanted);
    return wanted ? change(*wanted) : refusal;
  }
  Refusal publish(ConnectionId from, std::string_view topic, const dxl::MessageView& message) {
    return publish(from, topic, encode(message));
  }

  Refusal register_service(ConnectionId from, std::string_view json) {
    return publish(from, "/mcafee/service/dxl/svcregistry/register", request(json));
  }

  static std::string encode(const dxl::MessageView& message) {
    std::string bytes;
    dxl::append_message(message, bytes);
    return bytes;
  }

  static dxl::MessageView request(std::string_view payload = "p",
                                  std::string_view service_id = "") {
    dxl::MessageView message;
    message.type = dxl::MessageType::kRequest;
    message.message_id = "{request}";
    message.payload = payload;
    message.reply_to_topic = "/mcafee/client/{asker}";
    message.service_id = service_id;
    return message;
  }

  static dxl::MessageView event(std::string_view payload = "p") {
    dxl::MessageView message;
    message.message_id = "{event}";
    message.payload = payload;
    return message;
  }

  std::vector<Delivered> delivered() const {
    std::vector<Delivered> all;
    for (const Delivery& item : deliveries.items) {
      const auto message = dxl::decode_message(deliveries.payload(item));
      EXPECT_TRUE(message.has_value());
      const auto first =
          deliveries.targets.begin() + static_cast<std::ptrdiff_t>(item.first_target);
      all.push_back({std::string(deliveries.topic(item)),
                     message.value_or(dxl::MessageView{}),
                     {first, first + static_cast<std::ptrdiff_t>(item.target_count)}});
    }
    return all;
  }

  // "topic -> 1 2" for each delivery: who got what, at a glance.
  std::vector<std::string> summary() const {
    std::vector<std::string> lines;
    for (const Delivered& item : delivered()) {
      std::string line = item.topic + " ->";
      for (const ConnectionId target : item.targets) line += " " + std::to_string(target);
      lines.push_back(line);
    }
    return lines;
  }

  RouterOptions completed(RouterOptions options) {
    options.broker_id = kBroker;
    options.is_overloaded = [this](ConnectionId id) { return overloaded.contains(id); };
    return options;
  }

  std::set<ConnectionId> overloaded;
  ManualClock clock;
  CountingRandom random;
  Router router;
  Deliveries deliveries;
};

using Lines = std::vector<std::string>;

}  // namespace tiara::fabric
