// Registers a service and asks it: "ping" is answered with "pong".
//
//   service_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>
#include <variant>

#include "start.hpp"

constexpr char kTopic[] = "/isecg/sample/basicservice";

int main(int argc, char** argv) {
  const auto connected = sample::connect(sample::config_file(argc, argv));
  if (!connected) return sample::complain(connected.error());
  dxl::Client& client = **connected;

  //! [serve]
  const auto on_request = [&client](const dxl::Request& request) {
    std::cout << "Service received request payload: " << request.payload << std::endl;
    const auto sent = client.send_response(request, "pong");
    if (!sent) std::cout << "Error: " << sent.error().message << std::endl;
  };
  const auto service =
      client.register_service({.service_type = "myService"}, {{kTopic, on_request}});
  if (!service) return sample::complain(service.error());
  //! [serve]

  //! [ask]
  const auto reply = client.request({.topic = kTopic, .payload = "ping"});
  if (!reply) return sample::complain(reply.error());
  if (const auto* response = std::get_if<dxl::Response>(&*reply)) {
    std::cout << "Client received response payload: " << response->payload << '\n';
  } else {
    const auto& refusal = std::get<dxl::ErrorResponse>(*reply);
    std::cout << "Error: " << refusal.error_message << " (" << refusal.error_code << ")\n";
  }
  //! [ask]
}
