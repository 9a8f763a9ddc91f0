#include "fabric/registry_json.hpp"

#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

// What parse_registration understood, in one line; "error: …" otherwise.
std::string parsed(std::string_view payload) {
  dxl::JsonDocument document;
  const auto service = parse_registration(document, payload);
  if (!service) return "error";
  std::string text = service->service_guid + "|" + service->service_type + "|";
  for (const auto& [key, value] : service->metadata) text += key + "=" + value + ";";
  text += "|";
  for (const std::string& channel : service->request_channels) text += channel + ";";
  return text + "|" + std::to_string(service->ttl_minutes);
}

TEST(RegistryJson, ReadsRegistrationsWithTheDefaultsOfTheReference) {
  const struct {
    const char *payload, *expected;
  } kCases[] = {
      {R"({"serviceType":"/s","metaData":{"k":"v"},"requestChannels":["/b","/a","/b"],"ttlMins":60,"serviceGuid":"{1}"})",
       "{1}|/s|k=v;|/a;/b;|60"},
      {"{}", "||||0"},
      {"null", "||||0"},
      {"{}\n", "||||0"},
      {R"({"requestChannels":null,"metaData":null,"serviceGuid":null,"ttlMins":null})", "||||0"},
      {R"({"requestChannels":"/a"})", "||||0"},
      {R"({"metaData":{"n":5,"t":true,"x":null}})", "||n=5;t=true;x=;||0"},
      {R"({"metaData":["a","b"]})", "||0=a;1=b;||0"},
      {R"({"unknown":[1,{}]})", "||||0"},
      {R"({"ttlMins":59.9})", "||||59"},
      {R"({"ttlMins":6e1})", "||||60"},
      {R"({"metaData":{"half":0.5,"five":5.0,"big":1e300}})", "||big=1e+300;five=5;half=0.5;||0"},
      {R"({"serviceGuid":7,"serviceType":true})", "7|true|||0"},
      {"/* c */ {\"serviceGuid\":\"//\"} // and more", "//||||0"},
      {R"({"ttlMins":"60"})", "error"},
      {R"({"ttlMins":-0.5})", "error"},
      {R"({"ttlMins":-1})", "error"},
      {R"({"ttlMins":4294967296})", "error"},
      {R"({"metaData":{"o":{}}})", "error"},
      {R"({"metaData":{"o":[]}})", "error"},
      {R"({"metaData":"text"})", "error"},
      {R"({"requestChannels":[1]})", "error"},
      {R"({"requestChannels":{}})", "error"},
      {R"({"serviceGuid":[]})", "error"},
      {"", "error"},
      {"[]", "error"},
      {"{'serviceGuid':'x'}", "error"},
  };
  for (const auto& c : kCases) EXPECT_EQ(parsed(c.payload), c.expected) << c.payload;
}

TEST(RegistryJson, RefusesARegistrationBeyondItsLimit) {
  const std::string long_type(kMaxRegistrationBytes, 'x');
  EXPECT_EQ(parsed("{\"serviceType\":\"" + long_type + "\"}"), "error");
}

TEST(RegistryJson, ReadsQueriesAndUnregistrations) {
  dxl::JsonDocument document;
  EXPECT_EQ(*parse_service_query(document, "{}"), ServiceQuery{});
  EXPECT_EQ(*parse_service_query(document, R"({"serviceGuid":"{1}"})"),
            (ServiceQuery{"{1}", std::nullopt}));
  EXPECT_EQ(*parse_service_query(document, R"({"serviceType":"/s"})"),
            (ServiceQuery{std::nullopt, "/s"}));
  EXPECT_EQ(*parse_service_query(document, R"({"serviceId":"{1}"})"), ServiceQuery{});
  EXPECT_FALSE(parse_service_query(document, "").has_value());
  EXPECT_EQ(*parse_unregistration(document, R"({"serviceGuid":"{1}"})"), "{1}");
  EXPECT_FALSE(parse_unregistration(document, "[]").has_value());
}

TEST(RegistryJson, AQueryWithBothKeysGoesByTheId) {
  Service service;
  service.service_guid = "{1}";
  service.service_type = "/s";
  EXPECT_TRUE(selects({}, service));
  EXPECT_TRUE(selects({"{1}", "/other"}, service));
  EXPECT_FALSE(selects({"{2}", "/s"}, service));
  EXPECT_TRUE(selects({std::nullopt, "/s"}, service));
  EXPECT_FALSE(selects({std::nullopt, "/t"}, service));
}

Service sample() {
  Service service;
  service.service_guid = "{g}";
  service.service_type = "/my/\"service\"";
  service.metadata = {{"k", "v"}, {"a", "b"}};
  service.request_channels = {"/my/service/m1", "/my/service/m2"};
  service.ttl_minutes = 60;
  service.registration_time = 1795486074;
  service.client_guid = "leaf";
  service.client_instance_guid = "leaf:uuid";
  service.certificates = {"root", "leaf"};
  return service;
}

TEST(RegistryJson, WritesEventsCompactSortedAndWithANewline) {
  EXPECT_EQ(
      register_event_json(sample(), "b1"),
      R"({"brokerGuid":"b1","certificates":["leaf","root"],"clientGuid":"leaf","clientInstanceGuid":"leaf:uuid","managed":false,"metaData":{"a":"b","k":"v"},"registrationTime":1795486074,"requestChannels":["/my/service/m1","/my/service/m2"],"serviceGuid":"{g}","serviceType":"/my/\"service\"","ttlMins":60})"
      "\n");
  EXPECT_EQ(unregister_event_json("{g}"), "{\"serviceGuid\":\"{g}\"}\n");
}

TEST(RegistryJson, WritesQueryResponses) {
  EXPECT_EQ(query_response_json({}, "b1"), "{\"services\":{}}\n");
  const Service service = sample();
  EXPECT_EQ(
      query_response_json({{&service, {"/my/service/m2"}}}, "b1"),
      R"({"services":{"{g}":{"brokerGuid":"b1","certificates":["leaf","root"],"clientGuid":"leaf","clientInstanceGuid":"leaf:uuid","local":true,"managed":false,"metaData":{"a":"b","k":"v"},"registrationTime":1795486074,"requestChannels":["/my/service/m1","/my/service/m2"],"serviceGuid":"{g}","serviceType":"/my/\"service\"","ttlMins":60,"unauthorizedChannels":["/my/service/m2"]}}})"
      "\n");
}

}  // namespace
}  // namespace tiara::fabric
