// The tables of tests/fixtures/reputation/decisions.json. For tests only.
#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

namespace tiara::reputation {

inline const nlohmann::json& decision_vectors() {
  static const nlohmann::json vectors = nlohmann::json::parse(
      std::ifstream(std::string(TIARA_FIXTURES) + "/reputation/decisions.json"));
  return vectors;
}

}  // namespace tiara::reputation
