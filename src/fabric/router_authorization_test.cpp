// The authorization extension, asked through the router.
#include <gtest/gtest.h>

#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

constexpr std::string_view kAuthorizationTopic = "/opendxl-tiara/service/fabric/authorization";
const std::string kAnswer = "/mcafee/client/{asker} -> 1";

TEST(RouterAuthorizationTopic, AnswersForTheAskersOwnCertificate) {
  RouterHarness harness;
  harness.connect(1, "a");
  EXPECT_EQ(harness.publish(1, kAuthorizationTopic,
                            harness.request(R"({"direction":"send","topics":)"
                                            R"(["/free","/mcafee/event/external/file/report"]})")),
            Refusal::kNone);
  ASSERT_EQ(harness.summary(), (Lines{kAnswer}));
  EXPECT_EQ(
      harness.delivered()[0].message.payload,
      R"({"certificate":{"sha1":"a-sha1","sha256":"a-sha256","subject":"CN=a"},"topics":[)"
      R"({"topic":"/free","allowed":true,"groups":[],"reason":""},)"
      R"({"topic":"/mcafee/event/external/file/report","allowed":false,"groups":["TIE Server Set External Reputation"],"reason":"sending to /mcafee/event/external/file/report needs the group \"TIE Server Set External Reputation\"; certificate a-sha1 (CN=a) is in no such group"}]})"
      "\n");
}

TEST(RouterAuthorizationTopic, AdministratorsMayAskForOthers) {
  RouterHarness harness(
      {.members = {{"root", {"admin-sha1", ""}, {std::string(kGroupAdministrators)}},
                   {"sandbox", {"sb-sha1", "sb-sha256"}, {std::string(kGroupSetExternal)}}}});
  harness.connect(1, "admin");
  harness.connect(2, "sb");
  const std::string_view query =
      R"({"direction":"send","topics":["/mcafee/event/external/file/report"],"certificate":"SB-SHA1"})";
  EXPECT_EQ(harness.publish(1, kAuthorizationTopic, harness.request(query)), Refusal::kNone);
  EXPECT_EQ(
      harness.delivered()[0].message.payload,
      R"({"certificate":{"sha1":"sb-sha1","sha256":"sb-sha256","subject":"sandbox"},"topics":[)"
      R"({"topic":"/mcafee/event/external/file/report","allowed":true,"groups":[],"reason":""}]})"
      "\n");
  // One's own thumbprint is no other certificate; anybody else's is.
  EXPECT_EQ(harness.publish(2, kAuthorizationTopic, harness.request(query)), Refusal::kNone);
  harness.connect(3, "nosy");
  EXPECT_EQ(harness.publish(3, kAuthorizationTopic, harness.request(query)),
            Refusal::kNotAuthorised);
  EXPECT_EQ(harness.delivered()[0].message.error_code, 0x80000013U);
}

TEST(RouterAuthorizationTopic, TellsWhatIsWrongWithARequest) {
  RouterHarness harness;
  harness.connect(1, "a");
  std::string too_many = R"({"direction":"send","topics":["/a")";
  for (int i = 0; i < 1'000; ++i) too_many += R"(,"/a")";
  for (const std::string& payload :
       {std::string("{}"), std::string(R"({"direction":"both","topics":[]})"),
        std::string(R"({"direction":"send","topics":"/a"})"), too_many + "]}",
        std::string(R"({"direction":"send","topics":[1]})"),
        std::string(R"({"direction":"send","topics":[],"certificate":5})")}) {
    EXPECT_EQ(harness.publish(1, kAuthorizationTopic, harness.request(payload)),
              Refusal::kBadBuiltin);
    ASSERT_EQ(harness.summary(), (Lines{kAnswer}));
    EXPECT_EQ(harness.delivered()[0].message.error_code, 1U);
    EXPECT_NE(harness.delivered()[0].message.error_message, "");
  }
}

}  // namespace
}  // namespace tiara::fabric
