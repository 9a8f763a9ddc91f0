// Sets the Enterprise level of a file. The client's certificate must be in the group "TIE Server
// Set Enterprise Reputation".
//
//   basic_set_reputation_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "known_subjects.hpp"
#include "start.hpp"
#include "tie/client.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [set_file_reputation]
  tie::Client tie_client(**client);
  const auto done = tie_client.set_file_reputation(tie::TrustLevel::kKnownTrusted, sample::kNotepad,
                                                   "notepad.exe", "Reputation set via OpenDXL");
  if (!done) return sample::complain(done.error());
  //! [set_file_reputation]
  std::cout << "Succeeded.\n";
}
