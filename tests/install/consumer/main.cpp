// Uses something of each part of the library: version, configuration, connection, digests, TIE.
//
//   consumer CONFIG FILE     prints the version and the trust level of each provider for FILE
#include <iostream>

#include "dxl/client.hpp"
#include "dxl/version.hpp"
#include "tie/client.hpp"

namespace {

int complain(const dxl::Error& error) {
  std::cerr << dxl::to_string(error.code) << ": " << error.message << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::cout << "version " << dxl::version() << '\n';
  auto config = dxl::ClientConfig::load(argv[1]);
  if (!config) return complain(config.error());
  const auto hashes = tie::hash_file(argv[2]);
  if (!hashes) return complain(hashes.error());
  auto client = dxl::Client::create(std::move(*config));
  if (!client) return complain(client.error());
  if (const auto connected = (*client)->connect(); !connected) return complain(connected.error());
  const auto known = tie::Client(**client).get_file_reputation(*hashes);
  if (!known) return complain(known.error());
  for (const tie::Reputation& reputation : known->entries) {
    std::cout << static_cast<int>(reputation.provider) << ' '
              << static_cast<int>(reputation.trust_level) << '\n';
  }
}
