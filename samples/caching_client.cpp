// Asks twice about a file, through a cache that hears of changes: the second answer does not
// travel.
//
//   caching_client CONFIG FILE
#include <iostream>

#include "json_text.hpp"
#include "start.hpp"
#include "tie/caching_client.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cout << "usage: caching_client CONFIG FILE\n";
    return 2;
  }
  const auto hashes = tie::hash_file(argv[2]);
  if (!hashes) return sample::complain(hashes.error());
  const auto client = sample::connect(argv[1]);
  if (!client) return sample::complain(client.error());

  //! [cache]
  const tie::Client tie_client(**client);
  const auto cache = tie::CachingClient::create(tie_client);
  if (!cache) return sample::complain(cache.error());
  for (int time = 0; time < 2; ++time) {
    const auto known = (*cache)->get_file_reputation(*hashes);
    if (!known) return sample::complain(known.error());
    std::cout << sample::to_json(**known) << '\n';
  }
  const tie::CacheStats stats = (*cache)->stats();
  std::cout << "From memory: " << stats.hits << ", asked for: " << stats.misses << '\n';
  //! [cache]
}
