// Asks for the reputations of two files by their digests.
//
//   basic_get_reputation_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "json_text.hpp"
#include "known_subjects.hpp"
#include "start.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [get_file_reputation]
  tie::Client tie_client(**client);
  const auto notepad = tie_client.get_file_reputation(sample::kNotepad);
  if (!notepad) return sample::complain(notepad.error());
  std::cout << "Notepad.exe reputations:\n" << sample::to_json(*notepad) << "\n\n";
  //! [get_file_reputation]

  const auto eicar = tie_client.get_file_reputation(sample::kEicar);
  if (!eicar) return sample::complain(eicar.error());
  std::cout << "EICAR reputations:\n" << sample::to_json(*eicar) << '\n';
}
