// Prints every file that is asked about for the first time, until Enter is pressed.
//
//   basic_first_instance_callback [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "json_text.hpp"
#include "start.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [on_first_instance]
  tie::Client tie_client(**client);
  const auto subscription = tie_client.add_file_first_instance_callback(
      [](const tie::FirstInstance& instance, const dxl::Event& original) {
        std::cout << "First instance on topic: " << original.topic << '\n'
                  << sample::to_json(instance) << std::endl;
      });
  if (!subscription) return sample::complain(subscription.error());
  //! [on_first_instance]
  std::cout << "Waiting for first instance events..." << std::endl;
  sample::wait_for_enter();
}
