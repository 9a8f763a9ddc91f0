// Every vector and every complete example through the codec: read on the proper side, written
// again, held against the schema.
#include <map>

#include "tie/payload_examples.hpp"
#include "tie/payload_kinds.hpp"
#include "tie/payload_vectors.hpp"
#include "tie/schema_check.hpp"

namespace tie {
namespace {

// Regardless of the order of members and of digests; null is the same as absent.
nlohmann::json comparable(const nlohmann::json& value) {
  if (value.is_object()) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [name, member] : value.items())
      if (!member.is_null()) out[name] = comparable(member);
    return out;
  }
  if (!value.is_array()) return value;
  nlohmann::json out = nlohmann::json::array();
  bool digests = true;
  for (const auto& item : value) {
    out.push_back(comparable(item));
    digests = digests && item.is_object() && item.contains("type") && item.contains("value");
  }
  if (digests) std::sort(out.begin(), out.end());
  return out;
}

// The members at which two payloads differ, from the first's point of view.
std::string differences(const std::string& written, const std::string& original) {
  const auto before = comparable(nlohmann::json::parse(original));
  const auto after = comparable(nlohmann::json::parse(written));
  std::string out;
  for (const auto& step : nlohmann::json::diff(before, after)) {
    out += (out.empty() ? "" : " ") + step.at("op").get<std::string>() +
           step.at("path").get<std::string>();
  }
  return out;
}

TEST(Vectors, AreReadOnTheirSideAndWrittenAgain) {
  // What the codec adds, drops or normalises on purpose; all other vectors come back as they were.
  const std::map<std::string, std::string> expected = {
      {"file-get/js/3-hashes", "add/scanType"},
      {"file-get/schema",
       "remove/certPublicKeySha1 remove/certSha1 remove/fileType replace/scanType"},
      {"file-get/minimal", "add/scanType"},
      {"file-get/resp/schema", "add/reputations/1/attributes"},
      {"file-get/resp/doc-notepad", "add/props"},
      {"file-get/resp/doc-eicar", "add/props"},
      {"file-set/event/mock",
       "remove/newReputations/reputations/2 add/newReputations/props add/oldReputations/props"},
      {"file-set/event/fake-new-file", "add/newReputations/props add/oldReputations/props"},
      {"file-agents/resp/fake-no-total", "add/totalCount"},
      {"file-agents/resp/empty-object", "add/agents add/totalCount"},
      {"cert-get/py/with-key", "add/scanType"},
      {"cert-get/py/no-key", "add/scanType"},
      {"cert-get/js/with-key", "add/scanType"},
      {"cert-get/schema", "add/scanType"},
      {"cert-get/resp/schema-overridden-top-level",
       "add/reputations/0/attributes add/reputations/1/overridden"},
      {"cert-agents/resp/fake", "add/totalCount"},
      {"file-meta/schema",
       "remove/caRep remove/contentVersion remove/detectionType remove/jtiAvProductId "
       "remove/osVersion remove/productEnforcing remove/ruleEnforcing remove/scanType "
       "remove/userPrompted replace/version remove/vseContentVersion remove/vseDetectionName "
       "remove/vseDetectionType remove/vseProductId remove/vseRemediation remove/vseSuppressed"},
      {"file-meta/minimal", "add/objectType add/remediation"},
      {"file-meta/detection", "remove/detectionType add/objectType"},
      {"cert-meta/schema", "remove/contentVersion remove/productEnforcing remove/ruleEnforcing"},
      {"file-repchange-bc/doc-md5-sha1-only", "add/newReputations/props add/oldReputations/props"},
      {"file-repchange-bc/fake-with-cert",
       "remove/newReputations/reputations/2 add/newReputations/props add/oldReputations/props "
       "replace/relationships/certificate/hashes/0/type "
       "replace/relationships/certificate/hashes/0/value remove/relationships/certificate/hashes/2 "
       "remove/relationships/certificate/hashes/1"},
      {"cert-repchange-bc/schema",
       "add/newReputations/reputations/0/attributes add/oldReputations/reputations/0/attributes"},
      {"cert-repchange/schema",
       "add/newReputations/reputations/0/attributes add/oldReputations/reputations/0/attributes"},
      {"ext/py/min", "replace/file/hashes/md5"},
  };
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.payload.empty() || !vector.schema_valid) continue;
    const PayloadKind* kind = find_kind(vector.topic, vector.role);
    ASSERT_TRUE(kind) << vector.id;
    const auto written = kind->rewrite(vector.payload);
    ASSERT_TRUE(written) << vector.id << ": " << written.error().message;
    ++seen;
    if (written->empty()) continue;
    const auto known = expected.find(vector.id);
    EXPECT_EQ(differences(*written, vector.payload), known == expected.end() ? "" : known->second)
        << vector.id;
  }
  EXPECT_EQ(seen, 83U);
}

TEST(Vectors, ThatBreakARuleAreRefusedWithItsCode) {
  const auto code = [](auto refusal) { return static_cast<std::uint32_t>(refusal); };
  const std::map<std::string, std::uint32_t> expected = {
      {"file-get/py/no-hash", code(ServiceError::kBadHashes)},
      {"file-get/py/unknown-type", code(ServiceError::kBadHashes)},
      {"file-get/py/short-hash", code(ServiceError::kBadHashes)},
      {"file-set/py/unvalidated-trust", code(ServiceError::kBadTrustLevel)},
      {"file-set/py/null-trust-no-hash", code(ServiceError::kBadRequest)},
      {"ext/py/bool-score", code(ReportRefusal::kMalformed)},
  };
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.payload.empty() || vector.schema_valid) continue;
    ASSERT_TRUE(expected.contains(vector.id)) << vector.id;
    const auto result = find_kind(vector.topic, vector.role)->rewrite(vector.payload);
    ASSERT_FALSE(result) << vector.id;
    EXPECT_EQ(result.error().peer_code, expected.at(vector.id)) << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, expected.size());
}

TEST(Vectors, FollowTheSchemaExactlyIfTheySaySo) {
  const SchemaCheck schemas;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.payload.empty()) continue;
    const std::string problem = schemas.problem(nlohmann::json::parse(vector.payload),
                                                schemas.name_for(vector.topic, vector.role));
    EXPECT_EQ(problem.empty(), vector.schema_valid) << vector.id << " " << problem;
  }
}

TEST(Examples, ComeBackAsTheyWereAndFollowTheSchema) {
  const std::map<std::string_view, std::string> expected = {
      // Only digests and scanType go out; the rest is what endpoints send.
      {"get file", "remove/agentGuid remove/certPublicKeySha1 remove/certSha1 remove/fileType"},
      {"get cert", "remove/agentGuid remove/certPublicKeySha1"},
      {"prevalence", "remove/name"},
  };
  const SchemaCheck schemas;
  for (const PayloadKind& kind : payload_kinds()) {
    const std::string example = example_of(kind.name);
    const auto written = kind.rewrite(example);
    ASSERT_TRUE(written) << kind.name << ": " << written.error().message;
    if (written->empty()) continue;
    const auto known = expected.find(kind.name);
    EXPECT_EQ(differences(*written, example), known == expected.end() ? "" : known->second)
        << kind.name;
    const std::string schema = schemas.name_for(std::string(kind.topic), std::string(kind.role));
    if (schema.empty()) continue;  // an extension
    EXPECT_EQ(schemas.problem(nlohmann::json::parse(*written), schema), "") << kind.name;
    // Stable from then on.
    EXPECT_EQ(kind.rewrite(*written).value(), *written) << kind.name;
  }
}

}  // namespace
}  // namespace tie
