// The hot path owns its memory: once warm, publishing between known connections allocates nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace {
std::size_t allocations = 0;
}

// Replaced for the whole test program; only the counter differs from the standard ones.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tiara::fabric {
namespace {

TEST(RouterAllocation, AWarmRouterAllocatesNothingPerMessage) {
  RouterHarness harness({.members = {{"sandbox", {"a-sha1", ""}, {std::string(kGroupSetExternal)}},
                                     {"server", {"s-sha1", ""}, {std::string(kGroupTieServer)}}},
                         .rules = {{Direction::kReceive, "/guarded/#", {"s-sha1"}, {}}}});
  harness.connect(1, "a", {"/mcafee/client/{asker}", "/events/#"});
  harness.connect(2, "s", {"/served", "/guarded/topic", "/mcafee/event/external/file/report", "#"});
  harness.connect(3, "b", {"/events/+/x"});
  harness.register_service(2,
                           R"({"serviceGuid":"{s}","requestChannels":["/served"],"ttlMins":60})");
  harness.register_service(
      2,
      R"({"serviceGuid":"{e}","requestChannels":["/a/service/longer/than/a/short/string/converted"],)"
      R"("metaData":{"eventToRequestPrefix":"/a/service/longer/than/a/short/string",)"
      R"("eventToRequestTopic":"/converted"},"ttlMins":60})");

  dxl::MessageView response;
  response.type = dxl::MessageType::kResponse;
  response.message_id = "{11223344-5566-4788-99aa-bbccddeeff00}";
  response.request_message_id = "{request}";
  const std::vector<std::string_view> clients{"a-sha1:1"}, fields{"key", "value"};
  response.client_ids = std::span(clients);
  response.other_fields = std::span(fields);
  const std::string kRequest = harness.encode(harness.request("a request's payload"));
  const std::string kResponse = harness.encode(response);
  const std::string kEvent = harness.encode(harness.event("an event's payload"));
  std::optional<Change> change;
  const auto sends = [&](ConnectionId from, std::string_view topic, std::string_view message) {
    return harness.router.publish(from, topic, message, harness.deliveries, change) ==
               Refusal::kNone &&
           !change;
  };
  const auto round = [&] {
    harness.deliveries.clear();
    bool fine = sends(1, "/served", kRequest);
    for (const std::string_view topic :
         {"/events/a/x", "/guarded/topic", "/mcafee/event/external/file/report", "/converted"})
      fine = sends(1, topic, kEvent) && fine;
    return sends(2, "/mcafee/client/{asker}", kResponse) && fine;
  };

  ASSERT_TRUE(round());
  ASSERT_EQ(harness.deliveries.items.size(), 7U);
  const std::size_t before = allocations;
  bool fine = true;
  for (int i = 0; i < 100; ++i) fine = round() && fine;
  EXPECT_EQ(allocations, before);
  EXPECT_TRUE(fine);
}

}  // namespace
}  // namespace tiara::fabric
