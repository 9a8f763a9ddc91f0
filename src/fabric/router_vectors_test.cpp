// The golden vectors of the DXL reference, driven through the router.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "fabric/router.hpp"
#include "fabric/router_fixture.hpp"

namespace tiara::fabric {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kOddFields = "reject-odd-other-fields";

const Json& fixture() {
  static const Json json = Json::parse(std::ifstream(TIARA_FIXTURES "/dxl/messages.json"));
  return json;
}

const Json& vector_named(const std::string& name) {
  for (const Json& vector : fixture()["vectors"])
    if (vector["name"] == name) return vector;
  ADD_FAILURE() << "no vector " << name;
  return fixture();
}

std::string bytes_of(const Json& vector) {
  return *base::parse_hex(vector["hex"].get<std::string>());
}

// Connection 1 with the identity the vectors were captured with; 2 subscribes.
class RouterVectors : public testing::Test {
 protected:
  RouterVectors() : context(fixture()["brokerTransforms"]["context"]) {
    const std::string chain = context["dxlCerts"];
    const std::string instance = context["clientInstanceId"];
    harness.connect(1, make_identity({{chain.substr(0, 40), ""}, {chain.substr(41), ""}}, "",
                                     instance.substr(41)));
    harness.connect(2, "subscriber", {"/vectors"});
  }

  std::string transformed(const std::string& payload) {
    EXPECT_EQ(harness.publish(1, "/vectors", payload), Refusal::kNone);
    EXPECT_EQ(harness.deliveries.targets, (std::vector<ConnectionId>{2}));
    if (harness.deliveries.items.size() != 1) return "";
    return std::string(harness.deliveries.payload(harness.deliveries.items[0]));
  }

  Json context;
  RouterHarness harness;
};

// Other fields sorted: the reference broker writes them in no particular order. A client's own
// `dxl.certs`, which the reference lets through, is replaced by the true one.
std::string normalised(std::string_view bytes, std::string_view certificates) {
  auto message = dxl::decode_message(bytes);
  EXPECT_TRUE(message.has_value());
  if (!message) return "";
  std::map<std::string, std::string> fields;
  const std::vector<std::string> flat = message->other_fields.to_strings();
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) fields.emplace(flat[i], flat[i + 1]);
  fields["dxl.certs"] = certificates;
  std::vector<std::string_view> sorted;
  for (const auto& [key, value] : fields) {
    sorted.push_back(key);
    sorted.push_back(value);
  }
  message->other_fields = std::span<const std::string_view>(sorted);
  std::string out;
  dxl::append_message(*message, out);
  return out;
}

// Whether `bytes` is what our encoder writes for the message in it.
bool is_canonical(std::string_view bytes) {
  const auto message = dxl::decode_message(bytes);
  std::string again;
  if (message) dxl::append_message(*message, again);
  return again == bytes;
}

TEST_F(RouterVectors, EveryCapturedTransformIsReproduced) {
  const std::string certificates = context["dxlCerts"];
  std::size_t count = 0;
  for (const Json& c : fixture()["brokerTransforms"]["cases"]) {
    const std::string name = c["input"];
    const std::string got = transformed(bytes_of(vector_named(name)));
    const std::string expected = *base::parse_hex(c["outputHex"].get<std::string>());
    EXPECT_EQ(base::to_hex(normalised(got, certificates)),
              base::to_hex(normalised(expected, certificates)))
        << name;
    EXPECT_TRUE(is_canonical(got)) << name;
    // Byte for byte, but for one difference each: a forged dxl.certs, or -1 as int32.
    const bool differs =
        name == "event-v3-as-delivered-by-broker" || name == "error-v2-code-minus1";
    EXPECT_TRUE(differs || got.size() == expected.size()) << name;
    const auto message = dxl::decode_message(got);
    ASSERT_TRUE(message.has_value()) << name;
    const std::vector<std::string> fields = message->other_fields.to_strings();
    EXPECT_EQ(std::count(fields.begin(), fields.end(), certificates), 1) << name;
    ++count;
  }
  EXPECT_GE(count, 48U);
}

// The original passes these on as they are, without a sender; we understand them.
TEST_F(RouterVectors, BinaryAndNilFormsAreReadAndReEncoded) {
  for (const Json& name : fixture()["brokerTransforms"]["deliveredUnchangedAsNonDxl"]) {
    const Json& vector = vector_named(name);
    if (!vector.contains("hex")) continue;
    const std::string input = bytes_of(vector);
    const std::string got = transformed(input);
    const auto before = dxl::decode_message(input), after = dxl::decode_message(got);
    ASSERT_TRUE(before && after) << name;
    EXPECT_TRUE(is_canonical(got)) << name;
    EXPECT_EQ(after->payload, before->payload) << name;
    EXPECT_EQ(after->message_id, before->message_id) << name;
    EXPECT_EQ(after->request_message_id, before->request_message_id) << name;
    EXPECT_EQ(after->source_client_id, context["canonicalClientId"].get<std::string>()) << name;
  }
}

TEST_F(RouterVectors, RejectedVectorsAreDeliveredAsTheyAre) {
  std::size_t count = 0;
  for (const Json& vector : fixture()["vectors"]) {
    if (vector["use"] != "reject" || vector["name"] == kOddFields) continue;
    const std::string input = bytes_of(vector);
    EXPECT_EQ(transformed(input), input) << vector["name"];
    ++count;
  }
  EXPECT_GE(count, 13U);
}

// Passed on as it is, it would carry whatever sender it claims to those who read it all the same.
TEST_F(RouterVectors, AnOddNumberOfOtherFieldsIsDroppedAndTheMessageStamped) {
  const std::string bytes = transformed(bytes_of(vector_named(std::string(kOddFields))));
  const auto got = dxl::decode_message(bytes);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->other_fields.to_strings(),
            (std::vector<std::string>{"dxl.certs", context["dxlCerts"]}));
  EXPECT_EQ(got->source_client_id, context["canonicalClientId"].get<std::string>());
}

}  // namespace
}  // namespace tiara::fabric
