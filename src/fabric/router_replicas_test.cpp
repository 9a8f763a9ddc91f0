// Replicas that apply the same changes in the same order know the same and decide the same.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

// Everything about an outcome, in one comparable text.
std::string describe(const Outcome& outcome) {
  std::string text(to_string(outcome.refusal));
  text += "|" + outcome.left + "|" + outcome.came + "|";
  for (const Service& service : outcome.removed) text += service.service_guid + ",";
  text += "|";
  for (const Outcome::TopicChange& topic : outcome.topics)
    text +=
        (topic.added ? "+" : "-") + topic.topic + "@" + std::to_string(topic.change_count) + ",";
  return text;
}

bool equal(const Deliveries& a, const Deliveries& b) {
  return a.bytes == b.bytes && a.targets == b.targets && a.items.size() == b.items.size();
}

// Two replicas publish and announce the same, so that all they send must be equal to the byte. The
// third one applies changes only, as if all messages came in elsewhere.
class Replicas {
 public:
  void apply(const Change& change) {
    const Outcome outcome = first_.router.apply(change);
    ASSERT_EQ(describe(outcome), describe(second_.router.apply(change)));
    ASSERT_EQ(describe(outcome), describe(third_.router.apply(change)));
    clear();
    ASSERT_EQ(first_.router.announce(change, outcome, first_.deliveries),
              second_.router.announce(change, outcome, second_.deliveries));
    ASSERT_TRUE(equal(first_.deliveries, second_.deliveries));
  }

  void publish(ConnectionId from, const std::string& topic, const dxl::MessageView& message) {
    clear();
    const std::string payload = RouterHarness::encode(message);
    std::optional<Change> change, other;
    ASSERT_EQ(first_.router.publish(from, topic, payload, first_.deliveries, change),
              second_.router.publish(from, topic, payload, second_.deliveries, other));
    ASSERT_TRUE(equal(first_.deliveries, second_.deliveries));
    ASSERT_EQ(change.has_value(), other.has_value());
    if (change) apply(*change);
  }

  // The third replica, without a message of its own so far, answers like the first.
  void compare_knowledge(ConnectionId asker) {
    const std::string kQueries[][2] = {{"svcregistry/query", "{}"},
                                       {"brokerregistry/topicquery", R"({"topics":["/t","#"]})"},
                                       {"broker/subs", R"({"topic":"/t/x"})"},
                                       {"broker/health", ""}};
    for (const auto& [topic, payload] : kQueries) {
      const dxl::MessageView request = RouterHarness::request(payload);
      const auto ask = [&](RouterHarness& harness, const std::string& text) {
        harness.publish(asker, "/mcafee/service/dxl/" + text, request);
        const auto delivered = harness.delivered();
        return delivered.empty() ? std::string() : std::string(delivered[0].message.payload);
      };
      ASSERT_EQ(ask(first_, topic), ask(third_, topic));
    }
    first_.publish(asker, "/t/x", RouterHarness::event());
    third_.publish(asker, "/t/x", RouterHarness::event());
    ASSERT_EQ(first_.summary(), third_.summary());
    second_.random = first_.random;  // first has signed answers that second has not
    ASSERT_EQ(first_.router.service_count(), third_.router.service_count());
    ASSERT_EQ(first_.router.has_expired_services(), third_.router.has_expired_services());
  }

  void pass(std::chrono::seconds time) {
    for (RouterHarness* harness : {&first_, &second_, &third_}) harness->clock.steady += time;
  }
  base::SteadyTime now() const { return first_.clock.now(); }

 private:
  void clear() {
    first_.deliveries.clear();
    second_.deliveries.clear();
  }

  RouterOptions options_{.start_time = 1, .service_zones = {"z"}, .send_connect_events = true};
  RouterHarness first_{{}, options_}, second_{{}, options_}, third_{{}, options_};
};

TEST(RouterReplicas, DecideTheSameAfterTheSameChanges) {
  const std::vector<std::string> kFilters{
      "#", "/t", "/t/#", "/+/x", "/mcafee/client/{asker}", "/mcafee/event/dxl/#", "/a", "/b", "/c"};
  std::mt19937 random(11);
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const auto filters = [&] {
    Filters some;
    for (std::size_t n = 1 + pick(4); n > 0; --n) some.push_back(kFilters[pick(kFilters.size())]);
    return some;
  };
  const auto registration = [&] {
    return R"({"serviceGuid":"{)" + std::to_string(pick(12)) + R"(}","requestChannels":[")" +
           kFilters[pick(4)] + R"("],"ttlMins":)" + std::to_string(pick(3)) +
           R"(,"metaData":{"eventToRequestPrefix":"/t","eventToRequestTopic":"/x"}})";
  };
  const auto disowning = [&] {
    dxl::MessageView error;
    error.type = dxl::MessageType::kErrorResponse;
    error.error_code = dxl::kServiceUnavailable;
    return error;
  };

  Replicas replicas;
  std::set<ConnectionId> connected;
  ConnectionId last = 0;
  const auto any = [&] {
    return *std::next(connected.begin(), static_cast<std::ptrdiff_t>(pick(connected.size())));
  };
  for (int step = 0; step < 8'000 && !testing::Test::HasFatalFailure(); ++step) {
    const std::size_t action = connected.empty() ? 0 : pick(16);
    const std::string id = "{" + std::to_string(pick(12)) + "}";
    if (action == 0) {
      connected.insert(++last);
      replicas.apply(ClientConnected{last, identity_of("c" + std::to_string(pick(3)), last)});
    } else if (action == 1) {
      const ConnectionId gone = any();
      connected.erase(gone);
      replicas.apply(ClientDisconnected{gone});
    } else if (action < 4) {
      replicas.apply(Subscribed{any(), filters()});
    } else if (action == 4) {
      replicas.apply(Unsubscribed{any(), filters()});
    } else if (action < 7) {
      const std::string json = registration();
      replicas.publish(any(), "/mcafee/service/dxl/svcregistry/register",
                       RouterHarness::request(json));
    } else if (action == 7) {
      const std::string json = R"({"serviceGuid":")" + id + "\"}";
      replicas.publish(any(), "/mcafee/service/dxl/svcregistry/unregister",
                       RouterHarness::request(json));
    } else if (action == 8) {
      dxl::MessageView error = disowning();
      error.service_id = id;
      replicas.publish(any(), "/mcafee/client/{asker}", error);
    } else if (action == 9) {
      replicas.pass(std::chrono::seconds(pick(60)));
      replicas.apply(ServicesExpired{replicas.now()});
    } else if (action == 10) {
      replicas.apply(AuthorizationReplaced{std::make_shared<const Authorization>(Policy{
          .rules = {{Direction::kReceive, kFilters[pick(4)], {"c1-sha1", "c2-sha1"}, {}}}})});
    } else if (action < 13) {
      replicas.publish(any(), "/t/x", RouterHarness::request("p", pick(3) == 0 ? id : ""));
    } else {
      replicas.publish(any(), pick(2) == 0 ? "/t" : "/x", RouterHarness::event());
    }
    if (step % 100 == 0 && !connected.empty()) replicas.compare_knowledge(any());
  }
}

}  // namespace
}  // namespace tiara::fabric
