// Asks for the reputations of a certificate.
//
//   basic_get_cert_reputation_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "json_text.hpp"
#include "known_subjects.hpp"
#include "start.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [get_certificate_reputation]
  tie::Client tie_client(**client);
  const auto reputations = tie_client.get_certificate_reputation(sample::kCertificate);
  if (!reputations) return sample::complain(reputations.error());
  std::cout << "Certificate reputations:\n" << sample::to_json(*reputations) << '\n';
  //! [get_certificate_reputation]
}
