// Prints every change of a level, of files and of certificates, until Enter is pressed.
//
//   basic_reputation_change_callback_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "json_text.hpp"
#include "start.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [on_reputation_change]
  tie::Client tie_client(**client);
  const auto on_change = [](const auto& change, const dxl::Event& original) {
    std::cout << "Reputation change on topic: " << original.topic << '\n'
              << sample::to_json(change) << std::endl;
  };
  // As long as these two live, the callback is called.
  const auto files = tie_client.add_file_reputation_change_callback(on_change);
  if (!files) return sample::complain(files.error());
  const auto certificates = tie_client.add_certificate_reputation_change_callback(on_change);
  if (!certificates) return sample::complain(certificates.error());
  //! [on_reputation_change]
  std::cout << "Waiting for reputation change events..." << std::endl;
  sample::wait_for_enter();
}
