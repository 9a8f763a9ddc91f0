// Prints every detection, until Enter is pressed.
//
//   basic_detection_callback_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "json_text.hpp"
#include "start.hpp"

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());

  //! [on_detection]
  tie::Client tie_client(**client);
  const auto subscription = tie_client.add_file_detection_callback(
      [](const tie::Detection& detection, const dxl::Event& original) {
        std::cout << "Detection on topic: " << original.topic << '\n'
                  << sample::to_json(detection) << std::endl;
      });
  if (!subscription) return sample::complain(subscription.error());
  //! [on_detection]
  std::cout << "Waiting for detection events..." << std::endl;
  sample::wait_for_enter();
}
