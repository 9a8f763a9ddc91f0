#include "start.hpp"

#include <ctime>
#include <iostream>

namespace sample {

//! [connect]
dxl::Result<std::unique_ptr<dxl::Client>> connect(const std::string& config_file) {
  auto config = dxl::ClientConfig::load(config_file);
  if (!config) return dxl::fail(config.error());
  auto client = dxl::Client::create(std::move(*config));
  if (!client) return dxl::fail(client.error());
  if (const auto connected = (*client)->connect(); !connected) return dxl::fail(connected.error());
  return client;
}
//! [connect]

std::string config_file(int argc, char** argv) { return argc > 1 ? argv[1] : "dxlclient.config"; }

int complain(const dxl::Error& error) {
  std::cout << "Error: " << error.message << '\n';
  return 1;
}

void wait_for_enter() {
  std::cout.flush();
  std::cin.get();
}

std::string local_time(std::int64_t epoch_seconds) {
  const std::time_t time = epoch_seconds;
  std::tm broken{};
  localtime_r(&time, &broken);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &broken)};
}

}  // namespace sample
