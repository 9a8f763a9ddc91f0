// Lists the systems that met a certificate first.
//
//   basic_get_cert_first_ref_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "known_subjects.hpp"
#include "start.hpp"
#include "tie/client.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  tie::Client tie_client(**client);
  const auto references = tie_client.get_certificate_first_references(sample::kCertificate);
  if (!references) return sample::complain(references.error());
  std::cout << "\nSystems that have referenced the certificate:\n\n";
  for (const tie::FirstReference& system : references->agents) {
    std::cout << '\t' << system.agent_guid << ": " << sample::local_time(system.date) << '\n';
  }
}
