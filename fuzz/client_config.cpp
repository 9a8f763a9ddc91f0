// Any text either parses or fails with a message; what parses has what a client needs.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dxl/client_config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const dxl::Result<dxl::ClientConfig> config = dxl::ClientConfig::parse(text, "fuzz");
  if (!config) return config.error().message.empty() ? std::abort(), 1 : 0;
  if (config->cert_file.empty() || config->private_key.empty()) std::abort();
  for (const dxl::BrokerAddress& broker : config->brokers) {
    if (broker.host.empty() || broker.port == 0) std::abort();
  }
  return 0;
}
