// Our C++ client as the other side of a JavaScript test.
//
//   cpp_peer CONFIG serve TOPIC          registers a service that answers "cpp:" + payload; prints
//                                        "serving"; a payload "fail" is answered with error 42;
//                                        ends when stdin does
//   cpp_peer CONFIG call TOPIC PAYLOAD   prints the answer's payload, or "error CODE TEXT"
//   cpp_peer CONFIG publish TOPIC PAYLOAD
//   cpp_peer CONFIG listen TOPIC         prints "listening", then the payload of the first event
#include <cstdio>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dxl/client.hpp"

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "cpp_peer: %s\n", message.c_str());
  return 1;
}

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int serve(dxl::Client& client, const std::string& topic) {
  auto answer = [&client](const dxl::Request& request) {
    const auto sent = request.payload == "fail"
                          ? client.send_error(request, 42, "asked to fail")
                          : client.send_response(request, "cpp:" + request.payload);
    if (!sent) fail(sent.error().message);
  };
  auto service =
      client.register_service({.service_type = "/tests/cpp", .metadata = {}}, {{topic, answer}});
  if (!service) return fail(service.error().message);
  say("serving");
  std::string ignored;
  while (std::getline(std::cin, ignored)) {
  }
  return 0;
}

int call(dxl::Client& client, const std::string& topic, const std::string& payload) {
  dxl::Request request;
  request.topic = topic;
  request.payload = payload;
  auto reply = client.request(std::move(request));
  if (!reply) return fail(reply.error().message);
  if (const auto* error = std::get_if<dxl::ErrorResponse>(&*reply)) {
    say("error " + std::to_string(error->error_code) + " " + error->error_message);
  } else {
    say(std::get<dxl::Response>(*reply).payload);
  }
  return 0;
}

int publish(dxl::Client& client, const std::string& topic, const std::string& payload) {
  dxl::Event event;
  event.topic = topic;
  event.payload = payload;
  if (auto sent = client.publish(std::move(event)); !sent) return fail(sent.error().message);
  if (auto flushed = client.flush(); !flushed) return fail(flushed.error().message);
  return 0;
}

int listen(dxl::Client& client, const std::string& topic) {
  auto first = std::make_shared<std::promise<std::string>>();
  auto seen = std::make_shared<bool>(false);  // callbacks run on one thread
  auto subscription = client.add_event_callback(topic, [first, seen](const dxl::Event& event) {
    if (!*seen) first->set_value(event.payload);
    *seen = true;
  });
  if (!subscription) return fail(subscription.error().message);
  say("listening");
  auto payload = first->get_future();
  if (payload.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
    return fail("no event in 60 s");
  }
  say(payload.get());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 3) return fail("usage: CONFIG serve|call|publish|listen TOPIC [PAYLOAD]");
  auto config = dxl::ClientConfig::load(arguments[0]);
  if (!config) return fail(config.error().message);
  auto client = dxl::Client::create(*std::move(config));
  if (!client) return fail(client.error().message);
  if (auto connected = (*client)->connect(); !connected) return fail(connected.error().message);

  const std::string& command = arguments[1];
  const std::string& topic = arguments[2];
  if (command == "serve") return serve(**client, topic);
  if (command == "listen") return listen(**client, topic);
  if (arguments.size() != 4) return fail(command + ": expected TOPIC PAYLOAD");
  if (command == "call") return call(**client, topic, arguments[3]);
  if (command == "publish") return publish(**client, topic, arguments[3]);
  return fail("unknown command " + command);
}
