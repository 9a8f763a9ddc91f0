// One callback for all topics below one, with a filter. Other topics do not reach it.
//
//   wildcard_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <future>
#include <iostream>

#include "start.hpp"

int main(int argc, char** argv) {
  std::promise<void> last;
  const auto connected = sample::connect(sample::config_file(argc, argv));
  if (!connected) return sample::complain(connected.error());
  dxl::Client& client = **connected;

  //! [wildcard]
  const auto subscription =
      client.add_event_callback("/isecg/sample/wildcard/#", [&last](const dxl::Event& event) {
        std::cout << "Received event on " << event.topic << ": " << event.payload << std::endl;
        if (event.payload == "last") last.set_value();
      });
  //! [wildcard]
  if (!subscription) return sample::complain(subscription.error());

  const dxl::Event events[] = {{.topic = "/isecg/sample/wildcard/one", .payload = "1"},
                               {.topic = "/isecg/sample/elsewhere", .payload = "not wanted"},
                               {.topic = "/isecg/sample/wildcard/two/three", .payload = "2"},
                               {.topic = "/isecg/sample/wildcard/four", .payload = "last"}};
  for (const dxl::Event& event : events) {
    if (const auto sent = client.publish(event); !sent) return sample::complain(sent.error());
  }
  if (last.get_future().wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
    return sample::complain({dxl::ErrorCode::kTimedOut, "the last event did not come"});
  }
}
