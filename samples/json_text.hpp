// TIE values as the samples of the original clients print them: JSON, four spaces, sorted keys,
// digests in hexadecimal, providers by their numbers.
#pragma once

#include <string>

#include "tie/client.hpp"

namespace sample {

std::string to_json(const tie::Reputations& reputations);
std::string to_json(const tie::FileReputationChange& change);
std::string to_json(const tie::CertificateReputationChange& change);
std::string to_json(const tie::Detection& detection);
std::string to_json(const tie::FirstInstance& instance);

}  // namespace sample
