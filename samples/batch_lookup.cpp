// Looks up many files with one call: one line per file, with the level that counts, or the error
// of that file alone.
//
//   batch_lookup CONFIG FILE...
#include <iostream>
#include <vector>

#include "start.hpp"
#include "tie/client.hpp"
#include "tie/explanation.hpp"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cout << "usage: batch_lookup CONFIG FILE...\n";
    return 2;
  }
  std::vector<tie::FileHashes> files;
  for (int i = 2; i < argc; ++i) {
    const auto hashes = tie::hash_file(argv[i]);
    if (!hashes) return sample::complain(hashes.error());
    files.push_back(*hashes);
  }
  const auto client = sample::connect(argv[1]);
  if (!client) return sample::complain(client.error());

  //! [batch]
  tie::Client tie_client(**client);
  const auto answers = tie_client.get_file_reputations(files);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::cout << argv[i + 2] << ": ";
    if (answers[i]) {
      std::cout << to_string(tie::explain_file(*answers[i]).trust_level) << '\n';
    } else {
      std::cout << "Error: " << answers[i].error().message << '\n';
    }
  }
  //! [batch]
}
