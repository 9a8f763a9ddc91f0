// The golden payloads of tests/fixtures/tie/payloads.json. For tests only.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tie/hash.hpp"

namespace tie {

using Json = nlohmann::ordered_json;

struct PayloadVector {
  std::string id;
  std::string topic;
  std::string role;  // "request", "response", "event", "error"
  std::string origin;
  std::string payload;
  bool schema_valid;  // true for those without a payload
};

inline const Json& payload_fixtures() {
  static const Json fixtures =
      Json::parse(std::ifstream(std::string(TIARA_FIXTURES) + "/tie/payloads.json"));
  return fixtures;
}

inline std::vector<PayloadVector> payload_vectors() {
  std::vector<PayloadVector> vectors;
  for (const Json& json : payload_fixtures().at("vectors")) {
    vectors.push_back({json.at("id"), json.at("topic"), json.at("role"), json.at("origin"),
                       json.at("payload"), json.value("schema_valid", true)});
  }
  return vectors;
}

inline std::string payload_of(std::string_view id) {
  for (const PayloadVector& vector : payload_vectors())
    if (vector.id == id) return vector.payload;
  ADD_FAILURE() << "no vector " << id;
  return {};
}

// Digests that the vectors use over and over.
inline const FileHashes& notepad() {
  static const FileHashes hashes{
      Md5::parse("f2c7bb8acc97f92e987a2d4087d021b1").value(),
      Sha1::parse("7eb0139d2175739b3ccb0d1110067820be6abd29").value(),
      Sha256::parse("142e1d688ef0568370c37187fd9f2351d7ddeda574f8bfa9b0fa4ef42db85aa2").value()};
  return hashes;
}
inline FileHashes notepad_md5() { return {notepad().md5, {}, {}}; }

}  // namespace tie
