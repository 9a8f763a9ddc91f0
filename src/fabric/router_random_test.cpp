// Whatever clients do, in whatever order, with whatever bytes: the router neither crashes nor hands
// a message to a connection that is gone, and every delivery is well formed.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/hex.hpp"
#include "dxl/topic.hpp"
#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

std::vector<std::string> seeds() {
  std::vector<std::string> payloads;
  const auto fixture = nlohmann::json::parse(std::ifstream(TIARA_FIXTURES "/dxl/messages.json"));
  for (const auto& vector : fixture["vectors"])
    if (vector.contains("hex"))
      payloads.push_back(*base::parse_hex(vector["hex"].get<std::string>()));
  for (const char* json :
       {R"({"serviceGuid":"{1}","requestChannels":["/t","/a/#"],"ttlMins":1,"metaData":{"k":1}})",
        R"({"serviceGuid":"{2}","requestChannels":["#"],"ttlMins":0})", "{}",
        R"({"serviceGuid":"{1}"})", R"({"direction":"receive","topics":["/t","#"]})"})
    payloads.push_back(RouterHarness::encode(RouterHarness::request(json)));
  payloads.push_back(RouterHarness::encode(RouterHarness::request("p", "{1}")));
  dxl::MessageView error;
  error.type = dxl::MessageType::kErrorResponse;
  error.error_code = 0x80000001U;
  error.service_id = "{1}";
  payloads.push_back(RouterHarness::encode(error));
  return payloads;
}

TEST(RouterRandom, SurvivesRandomSequencesOfHostileClients) {
  const std::vector<std::string> kPayloads = seeds();
  const std::vector<std::string> kTopics{"/t",
                                         "/a/b",
                                         "/mcafee/client/{asker}",
                                         "/mcafee/service/dxl/svcregistry/register",
                                         "/mcafee/service/dxl/svcregistry/unregister",
                                         "/mcafee/service/dxl/svcregistry/query",
                                         "/mcafee/event/dxl/svcregistry/register",
                                         "/mcafee/event/dxl/other",
                                         "/opendxl-tiara/service/fabric/authorization",
                                         "/mcafee/service/tie/file/reputation",
                                         "/mcafee/event/external/file/report"};
  const std::vector<std::string> kFilters{"#",
                                          "/t",
                                          "/a/#",
                                          "/+/b",
                                          "/mcafee/#",
                                          "/mcafee/client/{asker}",
                                          "/mcafee/event/dxl/svcregistry/+"};
  std::mt19937 random(7);
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };

  RouterHarness harness;
  std::set<ConnectionId> connected;
  ConnectionId last = 0;
  const auto any = [&] {
    return *std::next(connected.begin(), static_cast<std::ptrdiff_t>(pick(connected.size())));
  };
  for (int step = 0; step < 60'000; ++step) {
    harness.deliveries.clear();
    const std::size_t action = pick(20);
    if (connected.empty() || action == 0) {
      harness.connect(++last, "client" + std::to_string(pick(4)));
      connected.insert(last);
    } else if (action == 1 && connected.size() > 1) {
      const ConnectionId gone = any();
      connected.erase(gone);
      harness.disconnect(gone);
    } else if (action < 4) {
      harness.subscribe(any(), {kFilters[pick(kFilters.size())]});
    } else if (action == 4) {
      harness.unsubscribe(any(), {kFilters[pick(kFilters.size())]});
    } else if (action == 5) {
      harness.clock.steady += std::chrono::seconds(pick(200));
      harness.expire_services();
    } else if (action == 6) {
      harness.set_policy(
          {.rules = {
               {Direction::kReceive, kFilters[pick(kFilters.size())], {"client1-sha1"}, {}}}});
    } else {
      std::string payload = kPayloads[pick(kPayloads.size())];
      for (std::size_t n = pick(3); n > 0 && !payload.empty(); --n)
        payload[pick(payload.size())] = static_cast<char>(pick(256));
      if (pick(10) == 0) payload.resize(pick(payload.size() + 1));
      harness.publish(any(), kTopics[pick(kTopics.size())], payload);
    }
    std::size_t targets = 0;
    for (const Delivery& item : harness.deliveries.items) {
      ASSERT_GT(item.target_count, 0U);
      ASSERT_EQ(item.first_target, targets);
      targets += item.target_count;
      ASSERT_TRUE(dxl::is_valid_topic(harness.deliveries.topic(item)));
      std::set<ConnectionId> once;
      for (std::size_t i = 0; i < item.target_count; ++i) {
        const ConnectionId target = harness.deliveries.targets[item.first_target + i];
        ASSERT_TRUE(connected.contains(target));
        ASSERT_TRUE(once.insert(target).second);
      }
    }
    ASSERT_EQ(targets, harness.deliveries.targets.size());
    ASSERT_EQ(harness.router.connection_count(), connected.size());
  }
}

}  // namespace
}  // namespace tiara::fabric
