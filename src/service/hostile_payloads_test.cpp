// L14: what comes from a peer is refused with its code or dropped, and nothing changes: every kind
// of bad payload on every topic, in a message that would otherwise be taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::AnyOf;
using testing::IsEmpty;

// In front of the first member, so that everything else stays as it was.
std::string with_member(const std::string& payload, std::string_view member) {
  return "{" + std::string(member) + "," + payload.substr(1);
}

std::string with_hashes(std::string payload, std::string_view hashes) {
  const std::size_t at = payload.find("\"hashes\":");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + std::string_view("\"hashes\":").size();
  const std::size_t end = payload.find_first_not_of(']', payload.find(']', begin));
  return payload.replace(begin, end - begin, hashes);
}

struct Hostile {
  std::string name;
  std::string payload;
};

// What no topic may take, whatever else is in it.
std::vector<Hostile> hostile_forms(const std::string& valid) {
  const std::string deep = std::string(32, '[') + std::string(32, ']');
  const std::string deeper = std::string(100'000, '[');
  return {
      {"nothing", ""},
      {"null", "null"},
      {"array", "[" + valid + "]"},
      {"number", "1"},
      {"text", "\"x\""},
      {"only NULs", std::string(3, '\0')},
      {"byte order mark", "\xEF\xBB\xBF" + valid},
      {"cut short", valid.substr(0, valid.size() - 1)},
      {"something behind it", valid + "{}"},
      {"a comma too many", with_member(valid, "\"x\":1,")},
      {"not a number", with_member(valid, R"("x":NaN)")},
      {"leading zero", with_member(valid, R"("x":007)")},
      {"invalid UTF-8", with_member(valid, "\"x\":\"\xFF\"")},
      {"overlong UTF-8", with_member(valid, "\"x\":\"\xC0\xAF\"")},
      {"surrogate as UTF-8", with_member(valid, "\"x\":\"\xED\xA0\x80\"")},
      {"lone high surrogate", with_member(valid, R"("x":"\ud800")")},
      {"lone low surrogate", with_member(valid, R"("x":"\udc00")")},
      {"control character", with_member(valid, "\"x\":\"\n\"")},
      {"member twice", with_member(valid, R"("x":1,"x":1)")},
      {"member twice, escaped", with_member(valid, R"("x":1,"\u0078":1)")},
      {"member twice, deeper", with_member(valid, R"("x":{"a":1,"a":2})")},
      {"33 levels", with_member(valid, "\"x\":" + deep)},
      {"100,000 levels", with_member(valid, "\"x\":" + deeper)},
      {"a text above 64 KiB", with_member(valid, "\"x\":\"" + std::string(65'537, 'x') + "\"")},
      {"a name above 64 KiB", with_member(valid, "\"" + std::string(65'537, 'x') + "\":1")},
      {"a payload above 1 MiB", valid + std::string(1024 * 1024, ' ') + "x"},
  };
}

std::vector<Hostile> hostile_hashes(const std::string& valid) {
  std::vector<Hostile> payloads;
  const std::string md5 = hash_json("md5", kMd5Base64);
  for (const std::string& hashes :
       {std::string("null"), std::string("true"), std::string("1"), std::string("\"x\""),
        std::string("{}"), std::string("[]"), std::string("[1]"), std::string("[null]"),
        std::string("[[[[]]]]"), std::string("[{}]"), std::string(R"([{"type":"md5"}])"),
        std::string(R"([{"type":1,"value":"AAAA"}])"), "[" + hash_json("sha512", "AAAA") + "]",
        "[" + hash_json("md5", "AAAA") + "]", "[" + hash_json("sha1", "!") + "]",
        "[" + hash_json("md5", "8se7isyX+S6 Yei1Ah9AhsQ==") + "]",
        "[" + md5 + "," + hash_json("md5", base::to_base64(std::string(16, 'x'))) + "]"})
    payloads.push_back({"hashes " + hashes, with_hashes(valid, hashes)});
  return payloads;
}

bool answers(std::string_view topic) {
  return topic != tie::kTopicFileMetadata && topic != tie::kTopicCertMetadata &&
         topic != tie::kTopicExternalReport && topic != tie::kTopicSandboxReport;
}

void deliver(ServiceFixture& service, std::string_view topic, const std::string& payload) {
  const bool is_event = topic == tie::kTopicExternalReport || topic == tie::kTopicSandboxReport;
  if (is_event) {
    service.event(topic, payload, kAdmin, service.next_id());
  } else {
    service.request(topic, payload, kAdmin);
  }
}

void expect_refused(std::string_view topic, const Hostile& hostile) {
  SCOPED_TRACE(fmt::format("{}: {}", topic, hostile.name));
  ServiceFixture service;
  deliver(service, topic, hostile.payload);
  EXPECT_THAT(service.writes, IsEmpty());
  EXPECT_THAT(service.reads, IsEmpty());
  const std::vector<Sent> sent = service.take();
  ASSERT_EQ(sent.size(), answers(topic) ? 1U : 0U);
  for (const Sent& answer : sent) {
    EXPECT_EQ(answer.type, dxl::MessageType::kErrorResponse);
    EXPECT_THAT(answer.error_code, AnyOf(1U, 2U));
    EXPECT_NE(answer.error_message, "");
    EXPECT_LT(answer.error_message.size(), 1'000U) << "a peer's text does not come back whole";
  }
  EXPECT_EQ(service.store.commits.size(), 0U);
}

TEST(HostilePayloads, L14_TheValidOnesAreTaken) {
  for (const auto& [topic, payload] : valid_payloads()) {
    ServiceFixture service;
    deliver(service, topic, payload);
    const std::vector<Sent> sent = service.take();
    for (const Sent& answer : sent) EXPECT_EQ(answer.error_code, 0U) << topic;
    EXPECT_TRUE(!sent.empty() || !service.store.commits.empty()) << topic;
  }
}

TEST(HostilePayloads, L14_EveryBadFormOnEveryTopicIsRefusedAndChangesNothing) {
  for (const auto& [topic, payload] : valid_payloads())
    for (const Hostile& hostile : hostile_forms(payload)) expect_refused(topic, hostile);
}

TEST(HostilePayloads, L14_UnusableDigestsAreRefusedAndChangeNothing) {
  for (const auto& [topic, payload] : valid_payloads()) {
    const bool is_batch = topic == tie::kTopicBatchGet || topic == tie::kTopicBatchSet;
    const bool has_list = payload.find("\"hashes\":[") != std::string::npos;
    if (is_batch || !has_list) continue;  // an item's error is its own: see the batches
    for (const Hostile& hostile : hostile_hashes(payload)) expect_refused(topic, hostile);
  }
}

// A code with the highest bit set would have the broker drop the service's registration (§1.6).
TEST(HostilePayloads, L14_NoRefusalHoldsACodeOfTheFabric) {
  ServiceFixture service;
  for (const auto& [topic, payload] : valid_payloads())
    for (const Hostile& hostile : hostile_forms(payload)) deliver(service, topic, hostile.payload);
  for (const Sent& answer : service.take()) {
    EXPECT_GE(answer.error_code, 1U);
    EXPECT_LE(answer.error_code, 9U);
  }
}

}  // namespace
}  // namespace tiara::service
