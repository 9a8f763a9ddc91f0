// Lists the systems that met a file first.
//
//   basic_first_ref_example CONFIG FILE
#include <iostream>

#include "start.hpp"
#include "tie/client.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cout << "usage: basic_first_ref_example CONFIG FILE\n";
    return 2;
  }
  const auto hashes = tie::hash_file(argv[2]);
  if (!hashes) return sample::complain(hashes.error());
  const auto client = sample::connect(argv[1]);
  if (!client) return sample::complain(client.error());

  //! [get_file_first_references]
  tie::Client tie_client(**client);
  const auto references = tie_client.get_file_first_references(*hashes);
  if (!references) return sample::complain(references.error());
  std::cout << "\nSystems that have referenced the file:\n\n";
  for (const tie::FirstReference& system : references->agents) {
    std::cout << '\t' << system.agent_guid << ": " << sample::local_time(system.date) << '\n';
  }
  //! [get_file_first_references]
}
